/**
 * The CNN of paper (c), its fair control, and the 13 ablations of table 2.
 *
 *   4 × (conv 3×3 → BatchNorm → ReLU → max-pool) of 32, 64, 128, 256 → flatten → dense K
 *
 * The pools of the published network have stride 1: maps keep their size, and 8.39 of its 8.78 million parameters are
 * the last layer. `cnn-stride2` differs in nothing but the stride of the pools.
 */
import { z } from 'zod';
import type { Value } from '../graph/value.ts';
import { convNorm } from '../nn/conv-norm.ts';
import { conv, dense, dropout } from '../nn/layers.ts';
import { relu } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { flatten } from '../ops/reduce.ts';
import { bloodSettings } from './blood-settings.ts';
import { settings } from './settings.ts';
import { defineSystem } from './system.ts';

const FILTERS = [32, 64, 128, 256];

function pool(x: Value, stride: number): Value {
  return maxPool2d(x, { kernel: 2, stride, padding: 'same' });
}

function published(name: string, title: string, stride: number, source: string, reported?: string) {
  return defineSystem({
    name,
    title,
    summary: `4 convolutions with BatchNorm, pools of stride ${stride}`,
    source,
    ...(reported ? { reported } : {}),
    framework: 'keras',
    size: 64,
    options: z.strictObject({
      poolStride: z.int().min(1).max(2).default(stride),
      dilated: z.boolean().default(false).describe('every second column: in the code, not in the paper'),
      dropout: z.number().min(0).lt(1).default(0).describe('before the last layer'),
    }),
    training: bloodSettings('adam'),
    build(net, { image, classes }, o) {
      let x = image;
      for (const [i, filters] of FILTERS.entries()) {
        const dilation = o.dilated ? ([1, 2] as const) : 1;
        x = pool(convNorm(net, i + 1, x, { filters, kernel: 3, dilation }), o.poolStride);
      }
      return dense(net, 'fc', dropout(net, flatten(x), o.dropout), { units: classes });
    },
  });
}

export const cnn = published('cnn', 'CNN', 1, 'paper (c), table 3', '8.78M');
export const cnnStride2 = published(
  'cnn-stride2',
  'CNN, stride-2 pools',
  2,
  'control for paper (c), table 3',
);

interface Ablation {
  readonly convolutions: 3 | 4;
  readonly finalPool: boolean;
  readonly units: 0 | 128 | 256;
  readonly norm: boolean;
}

/**
 * Convolutions without BatchNorm unless `norm`, a pool of stride 1 after each but, without `finalPool`, the last. The rate
 * is constant by inference: the helper that trains these seems not to pass the schedule on. Model 5 is the CNN of table 3.
 */
function ablation(number: number, { convolutions, finalPool, units, norm }: Ablation) {
  return defineSystem({
    name: `cnn-ablation-${number}`,
    title: `CNN ablation ${number}`,
    summary: [
      `${convolutions} convolutions`,
      norm ? 'with BatchNorm' : '',
      finalPool ? 'final pool' : 'no final pool',
      units > 0 ? `hidden layer of ${units}` : 'no hidden layer',
    ]
      .filter(Boolean)
      .join(', '),
    source: `paper (c), table 2, model ${number}`,
    framework: 'keras',
    size: 64,
    options: z.strictObject({}),
    training: settings({
      optimizer: { kind: 'adam' },
      lr: 1e-3,
      batchSize: 64,
      epochs: 10,
      evaluate: 'last',
      shuffle: 'once',
    }),
    build(net, { image, classes }) {
      let x = image;
      for (const [i, filters] of FILTERS.slice(0, convolutions).entries()) {
        const layer = { filters, kernel: 3, padding: 'same' } as const;
        x = norm ? convNorm(net, i + 1, x, layer) : relu(conv(net, `conv${i + 1}`, x, layer));
        if (finalPool || i + 1 < convolutions) x = pool(x, 1);
      }
      x = flatten(x);
      if (units > 0) x = relu(dense(net, 'fc1', x, { units }));
      return dense(net, 'fc', x, { units: classes });
    },
  });
}

/** Table 2, in the paper's numbering. */
export const cnnAblations = {
  'cnn-ablation-1': ablation(1, { convolutions: 3, finalPool: false, units: 0, norm: false }),
  'cnn-ablation-2': ablation(2, { convolutions: 3, finalPool: true, units: 0, norm: false }),
  'cnn-ablation-3': ablation(3, { convolutions: 4, finalPool: false, units: 0, norm: false }),
  'cnn-ablation-4': ablation(4, { convolutions: 4, finalPool: true, units: 0, norm: false }),
  'cnn-ablation-5': ablation(5, { convolutions: 4, finalPool: true, units: 0, norm: true }),
  'cnn-ablation-6': ablation(6, { convolutions: 3, finalPool: false, units: 128, norm: false }),
  'cnn-ablation-7': ablation(7, { convolutions: 3, finalPool: false, units: 256, norm: false }),
  'cnn-ablation-8': ablation(8, { convolutions: 3, finalPool: true, units: 128, norm: false }),
  'cnn-ablation-9': ablation(9, { convolutions: 3, finalPool: true, units: 256, norm: false }),
  'cnn-ablation-10': ablation(10, { convolutions: 4, finalPool: false, units: 128, norm: false }),
  'cnn-ablation-11': ablation(11, { convolutions: 4, finalPool: false, units: 256, norm: false }),
  'cnn-ablation-12': ablation(12, { convolutions: 4, finalPool: true, units: 128, norm: false }),
  'cnn-ablation-13': ablation(13, { convolutions: 4, finalPool: true, units: 256, norm: false }),
};
