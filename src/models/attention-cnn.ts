/**
 * The small attention networks of paper (c): SE-CNN, SA-CNN, CBAM-CNN.
 *
 *   4 × (conv → BatchNorm → ReLU → max-pool → attention) of 32, 64, 128, 256 → flatten → dropout → dense K
 *
 * What the paper's code calls squeeze-and-excitation is channel attention on mean and maximum with two networks that
 * share nothing. The other readings, and every other block, are options.
 */
import { z } from 'zod';
import { ATTENTION, ATTENTION_NAMES, type AttentionName } from '../nn/attention/table.ts';
import { convNorm } from '../nn/conv-norm.ts';
import { dense, dropout } from '../nn/layers.ts';
import { maxPool2d } from '../ops/pool.ts';
import { flatten } from '../ops/reduce.ts';
import { bloodSettings } from './blood-settings.ts';
import { defineSystem } from './system.ts';

/** Options that the attention networks of paper (c) share. */
export function attentionOptions(attention: AttentionName) {
  return z.strictObject({
    attention: z
      .enum(ATTENTION_NAMES)
      .default(attention)
      .describe(
        'channel, cbam: as coded; shared-channel, shared-cbam, squeeze-excite: as their authors have them',
      ),
    reduction: z.int().positive().default(8).describe('r: hidden units of the attention are C/r'),
    dropout: z.number().min(0).lt(1).default(0.2),
  });
}

function attentionCnn(name: string, title: string, attention: AttentionName, what: string, reported: string) {
  return defineSystem({
    name,
    title,
    summary: `CNN with BatchNorm and ${what} attention after every pool`,
    source: 'paper (c), table 3',
    reported,
    framework: 'keras',
    size: 64,
    options: attentionOptions(attention),
    training: bloodSettings('adam'),
    build(net, { image, classes }, o) {
      let x = image;
      for (const [i, filters] of [32, 64, 128, 256].entries()) {
        x = maxPool2d(convNorm(net, i + 1, x, { filters, kernel: 3 }), { kernel: 2 });
        x = ATTENTION[o.attention](net, `attention${i + 1}`, x, o);
      }
      return dense(net, 'fc', dropout(net, flatten(x), o.dropout), { units: classes });
    },
  });
}

export const seCnn = attentionCnn('se-cnn', 'SE-CNN', 'channel', 'channel', '0.46M');
export const saCnn = attentionCnn('sa-cnn', 'SA-CNN', 'spatial', 'spatial', '0.42M');
export const cbamCnn = attentionCnn('cbam-cnn', 'CBAM-CNN', 'cbam', 'channel and spatial', '0.47M');
