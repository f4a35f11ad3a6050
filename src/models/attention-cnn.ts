/**
 * The small attention networks of paper (c): SE-CNN, SA-CNN, CBAM-CNN.
 *
 *   4 × (conv → BatchNorm → ReLU → max-pool → attention) of 32, 64, 128, 256 → flatten → dropout → dense K
 *
 * What the paper's code calls squeeze-and-excitation is channel attention on mean and maximum with two networks that
 * share nothing. The other readings, and every other block, are options.
 */
import { z } from 'zod';
import type { Value } from '../graph/value.ts';
import { ATTENTION, ATTENTION_NAMES, type AttentionName } from '../nn/attention/table.ts';
import { convNorm } from '../nn/conv-norm.ts';
import { dense, dropout } from '../nn/layers.ts';
import type { Net } from '../nn/net.ts';
import { maxPool2d } from '../ops/pool.ts';
import { flatten } from '../ops/reduce.ts';
import { bloodSettings } from './blood-settings.ts';
import { defineSystem } from './system.ts';

/** Options that the attention networks of paper (c) share. */
function attentionOptions(attention: AttentionName) {
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

export interface AttentionVariant {
  readonly name: string;
  readonly title: string;
  readonly attention: AttentionName;
  /** For people, e.g. `channel and spatial`. */
  readonly what: string;
  readonly reported: string;
}

type Trunk = (net: Net, image: Value, attend: (x: Value, stage: number) => Value) => Value;

/** A network of paper (c) with attention after every pool, then flatten → dropout → dense K. Stages count from 1. */
export function attentionSystem({ attention, what, ...names }: AttentionVariant, kind: string, trunk: Trunk) {
  return defineSystem({
    ...names,
    summary: `${kind} ${what} attention after every pool`,
    source: 'paper (c), table 3',
    framework: 'keras',
    size: 64,
    options: attentionOptions(attention),
    training: bloodSettings('adam'),
    build(net, { image, classes }, o) {
      const x = trunk(net, image, (y, stage) => ATTENTION[o.attention](net, `attention${stage}`, y, o));
      return dense(net, 'fc', dropout(net, flatten(x), o.dropout), { units: classes });
    },
  });
}

const attentionCnn = (variant: AttentionVariant) =>
  attentionSystem(variant, 'CNN with BatchNorm and', (net, image, attend) => {
    let x = image;
    for (const [i, filters] of [32, 64, 128, 256].entries())
      x = attend(maxPool2d(convNorm(net, i + 1, x, { filters, kernel: 3 }), { kernel: 2 }), i + 1);
    return x;
  });

export const seCnn = attentionCnn({
  name: 'se-cnn',
  title: 'SE-CNN',
  attention: 'channel',
  what: 'channel',
  reported: '0.46M',
});
export const saCnn = attentionCnn({
  name: 'sa-cnn',
  title: 'SA-CNN',
  attention: 'spatial',
  what: 'spatial',
  reported: '0.42M',
});
export const cbamCnn = attentionCnn({
  name: 'cbam-cnn',
  title: 'CBAM-CNN',
  attention: 'cbam',
  what: 'channel and spatial',
  reported: '0.47M',
});
