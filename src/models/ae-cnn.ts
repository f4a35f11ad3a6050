/**
 * AE-CNN: the attention-enhanced network of paper (a), table 2.
 *
 *   3 × (conv → ReLU → max-pool) of 32, 64, 128 → SE(r = 4) → conv 256 → ReLU → mean → dense 128 → K
 */
import { z } from 'zod';
import { squeezeExcite } from '../nn/attention/squeeze-excite.ts';
import { conv, dense, dropout, globalAvgPool } from '../nn/layers.ts';
import { relu } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { settings } from './settings.ts';
import { defineSystem } from './system.ts';

const options = z.strictObject({
  reduction: z.int().positive().default(4).describe('r of squeeze-and-excitation'),
  attention: z.boolean().default(true).describe('off: the same network without squeeze-and-excitation'),
  units: z.int().positive().default(128).describe('units of the hidden dense layer'),
  dropout: z.number().min(0).lt(1).default(0.4),
});

export const aeCnn = defineSystem({
  name: 'ae-cnn',
  title: 'AE-CNN',
  summary: 'CNN with squeeze-and-excitation attention',
  source: 'paper (a), table 2',
  reported: '5.00 MB',
  framework: 'keras',
  size: 64,
  options,
  training: settings({
    optimizer: { kind: 'adam' },
    lr: 1e-3,
    batchSize: 32,
    epochs: 30,
    earlyStopping: { monitor: 'val_loss', patience: 5 },
    classWeights: true,
    offlineAugment: { copies: 1, flipHorizontal: true, flipVertical: true, rotation: 10, zoom: 0.1 },
  }),
  build(net, { image, classes }, o) {
    let x = image;
    for (const [i, filters] of [32, 64, 128].entries()) {
      x = relu(conv(net, `conv${i + 1}`, x, { filters, kernel: 3, padding: 'same' }));
      x = maxPool2d(x, { kernel: 2 });
    }
    if (o.attention) x = squeezeExcite(net, 'se', x, { reduction: o.reduction });
    x = relu(conv(net, 'conv4', x, { filters: 256, kernel: 3, padding: 'same' }));
    x = relu(dense(net, 'fc1', globalAvgPool(x), { units: o.units }));
    return dense(net, 'fc2', dropout(net, x, o.dropout), { units: classes });
  },
});
