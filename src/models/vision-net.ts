/**
 * What the networks of paper (d) have in common: four convolutions for 32×32 images, and three dense layers behind
 * them. The networks differ in the attention between the convolutions.
 *
 *   conv 5 (3×3) · conv 8 (5×5) → max-pool · conv 16 (5×5) · conv 16 (5×5) → 7×7 means → 512 → 256 → K
 */
import { z } from 'zod';
import type { Value } from '../graph/value.ts';
import { batchNorm, conv, dense, dropout } from '../nn/layers.ts';
import type { Net } from '../nn/net.ts';
import { normalizeImage } from '../nn/normalize.ts';
import { adaptiveAvgPool2d } from '../ops/adaptive-pool.ts';
import { relu } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { flatten } from '../ops/reduce.ts';
import { settings } from './settings.ts';
import type { Problem } from './system.ts';

export const visionOptions = {
  dropout: z.number().min(0).lt(1).default(0.5).describe('in front of the first dense layer'),
  normalize: z.boolean().default(true).describe('images become (x − 0.5)/0.5; off: they stay in [0, 1]'),
};

export const visionTraining = settings({
  optimizer: { kind: 'adam' },
  lr: 1e-3,
  batchSize: 64,
  epochs: 20,
  evaluate: 'last',
});

/** 45,000 and 5,000 of the training images of CIFAR-10. */
export const visionRatios = { train: 0.9, val: 0.1, test: 0.2 };

/** The convolutions; all have a padding of 1, also those of 5×5. */
const LAYERS = [
  { number: 1, filters: 5, kernel: 3, pool: false },
  { number: 2, filters: 8, kernel: 5, pool: true },
  { number: 3, filters: 16, kernel: 5, pool: false },
  { number: 4, filters: 16, kernel: 5, pool: false },
];

type Layer = (typeof LAYERS)[number];

/** The network; `between` makes of a layer's convolution what the next layer reads. */
export function visionNet(
  net: Net,
  { image, classes }: Problem,
  o: { readonly dropout: number; readonly normalize: boolean },
  between: (layer: Layer, maps: Value) => Value = (layer, maps) => visionNorm(net, layer, maps),
): Value {
  let x = visionInput(image, o.normalize);
  for (const layer of LAYERS) x = between(layer, visionConv(net, layer, x));
  return visionHead(net, x, classes, o.dropout);
}

function visionInput(image: Value, normalize: boolean): Value {
  const half = Array.from({ length: image.shape[1] }, () => 0.5);
  return normalize ? normalizeImage(image, { mean: half, deviation: half }) : image;
}

function visionConv(net: Net, { number, filters, kernel }: Layer, x: Value): Value {
  return conv(net, `conv${number}`, x, { filters, kernel, padding: 1 });
}

/** BatchNorm → ReLU, and the pool where the layer has one. */
export function visionNorm(net: Net, { number, pool }: Layer, x: Value): Value {
  const y = relu(batchNorm(net, `bn${number}`, x));
  return pool ? maxPool2d(y, { kernel: 2 }) : y;
}

function visionHead(net: Net, x: Value, classes: number, rate: number): Value {
  const features = dropout(net, flatten(adaptiveAvgPool2d(x, 7)), rate);
  const hidden = relu(dense(net, 'fc1', features, { units: 512 }));
  return dense(net, 'fc3', relu(dense(net, 'fc2', hidden, { units: 256 })), { units: classes });
}
