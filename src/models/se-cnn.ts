/**
 * SE-CNN: the small attention network of paper (c).
 *
 *   4 × (conv → BatchNorm → ReLU → max-pool → attention) of 32, 64, 128, 256 → flatten → dropout → dense K
 *
 * Its attention is what the paper's code does under the name of squeeze-and-excitation: channel attention on
 * mean and maximum with two networks that share nothing. The other readings are options.
 */
import { z } from 'zod';
import type { Value } from '../graph/value.ts';
import { channelAttention } from '../nn/attention/channel-attention.ts';
import { squeezeExcite } from '../nn/attention/squeeze-excite.ts';
import { batchNorm, conv, dense, dropout } from '../nn/layers.ts';
import type { Net } from '../nn/net.ts';
import { relu } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { flatten } from '../ops/reduce.ts';
import { settings } from './settings.ts';
import { defineSystem } from './system.ts';

const ATTENTION = ['channel', 'shared-channel', 'squeeze-excite', 'none'] as const;

const options = z.strictObject({
  attention: z
    .enum(ATTENTION)
    .default('channel')
    .describe('channel: as coded; shared-channel: one network, as in CBAM; squeeze-excite: as the name says'),
  reduction: z.int().positive().default(8).describe('r: hidden units of the attention are C/r'),
  dropout: z.number().min(0).lt(1).default(0.2),
});

function attend(net: Net, name: string, x: Value, { attention, reduction }: z.output<typeof options>): Value {
  switch (attention) {
    case 'channel':
      return channelAttention(net, name, x, { reduction });
    case 'shared-channel':
      return channelAttention(net, name, x, { reduction, shared: true });
    case 'squeeze-excite':
      return squeezeExcite(net, name, x, { reduction, bias: false });
    case 'none':
      return x;
  }
}

export const seCnn = defineSystem({
  name: 'se-cnn',
  title: 'SE-CNN',
  summary: 'CNN with BatchNorm and channel attention after every pool',
  source: 'paper (c), table 3',
  framework: 'keras',
  size: 64,
  options,
  training: settings({
    optimizer: { kind: 'adam' },
    lr: 1e-3,
    // The text describes exp(−0.1·epoch): --set schedule.kind=exponential --set schedule.decay=0.1
    schedule: { kind: 'compounding', decay: 0.1 },
    batchSize: 64,
    epochs: 20,
    evaluate: 'last',
    shuffle: false,
  }),
  build(net, { image, classes }, o) {
    let x = image;
    for (const [i, filters] of [32, 64, 128, 256].entries()) {
      x = conv(net, `conv${i + 1}`, x, { filters, kernel: 3, padding: 'same' });
      x = maxPool2d(relu(batchNorm(net, `bn${i + 1}`, x)), { kernel: 2 });
      x = attend(net, `attention${i + 1}`, x, o);
    }
    return dense(net, 'fc', dropout(net, flatten(x), o.dropout), { units: classes });
  },
});
