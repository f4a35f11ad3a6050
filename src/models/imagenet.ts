/**
 * What the networks have in common that paper (d) takes from Keras, where they are trained on ImageNet: the network
 * without its top, then the mean of each map, dropout and a dense layer.
 *
 * Images stay in [0, 1]: the paper leaves out what each network was made to expect. Weights of ImageNet are not part
 * of this project; a file of them can be given, and without one training starts from random weights.
 */
import { z } from 'zod';
import type { Value } from '../graph/value.ts';
import { dense, dropout, globalAvgPool } from '../nn/layers.ts';
import type { Net } from '../nn/net.ts';
import { settings } from './settings.ts';

export const imagenetOptions = z.strictObject({
  freeze: z
    .enum(['vanilla', 'transfer'])
    .default('vanilla')
    .describe(
      'vanilla: all is fine-tuned; transfer: all but the last two layers of the base stay as they are',
    ),
  dropout: z.number().min(0).lt(1).default(0.5),
  width: z.number().positive().default(1).describe('factor on all channels; the published network has 1'),
});

export type ImagenetOptions = z.output<typeof imagenetOptions>;

export const imagenetTraining = settings({
  optimizer: { kind: 'adam' },
  lr: 1e-3,
  batchSize: 64,
  epochs: 10,
  evaluate: 'last',
});

/** Keras's `validation_split=0.33`. */
export const imagenetRatios = { train: 0.67, val: 0.33, test: 0.2 };

/** Number of channels at a width. */
export function scaled(filters: number, { width }: ImagenetOptions): number {
  return Math.max(1, Math.round(filters * width));
}

export function imagenetHead(net: Net, x: Value, classes: number, options: ImagenetOptions): Value {
  return dense(net, 'predictions', dropout(net, globalAvgPool(x), options.dropout), { units: classes });
}
