/** Networks for tests that are small enough to say by hand what explaining them must show. */
import { z } from 'zod';
import { createReferenceEngine } from '../engine/reference.ts';
import { settings } from '../models/settings.ts';
import { defineSystem } from '../models/system.ts';
import { conv, dense } from '../nn/layers.ts';
import { lif } from '../nn/spiking/lif.ts';
import { add, affine, relu } from '../ops/elementwise.ts';
import { flatten, reduceMean, reduceSum } from '../ops/reduce.ts';
import { random } from '../random.ts';
import type { NetworkSpec } from '../train/step.ts';
import type { Network } from './network.ts';

export const SIDE = 4;
export const CLASSES = 3;
export const AREA = SIDE * SIDE;

const common = {
  summary: 'for tests',
  source: 'none',
  framework: 'torch',
  size: SIDE,
  training: settings({ optimizer: { kind: 'adam' }, lr: 1e-3, batchSize: 2, epochs: 1 }),
} as const;

/** Image → conv1 → ReLU → dense: the gradient by what conv1 gives is the weight of the dense layer, or 0. */
export const small = defineSystem({
  ...common,
  name: 'small',
  title: 'Small',
  options: z.strictObject({}),
  build(net, { image, classes }) {
    const x = relu(conv(net, 'conv1', image, { filters: 2, kernel: 3, padding: 1 }));
    return dense(net, 'fc', flatten(x), { units: classes });
  },
});

/** Image → dense: the score is a sum over pixels. */
export const linear = defineSystem({
  ...common,
  name: 'linear',
  title: 'Linear',
  options: z.strictObject({}),
  build: (net, { image, classes }) => dense(net, 'fc', flatten(image), { units: classes }),
});

/** Linear in what an image has above the mean of its batch: images see each other. */
export const centred = defineSystem({
  ...common,
  name: 'centred',
  title: 'Centred',
  options: z.strictObject({}),
  build(net, { image, classes }) {
    const above = add(image, affine(reduceMean(image, { axes: [0], keepDims: true }), -1));
    return dense(net, 'fc', flatten(above), { units: classes });
  },
});

/** Neurons without memory, so that those with a current above 1 fire at every step. */
export const spiking = defineSystem({
  ...common,
  name: 'spiking',
  title: 'Spiking',
  options: z.strictObject({}),
  build(net, { image, classes }) {
    const { spikes } = lif(net, 'lif', image, { steps: 3, beta: 0, reset: 'none' });
    return dense(net, 'fc', flatten(reduceSum(spikes, { time: true })), { units: classes });
  },
});

export function networkOf(
  system: NetworkSpec['system'],
  channels = 1,
  options: object = {},
  side = SIDE,
): Network {
  const session = createReferenceEngine().createSession();
  const shape = { height: side, width: side, channels };
  const spec = { system, options, classes: CLASSES, ...shape, seed: 2 };
  return { spec, session, load: async (plan) => session.load(plan) };
}

export function drawn(count: number, channels = 1, side = SIDE): Float32Array {
  const draw = random(5, 'explain');
  return Float32Array.from({ length: count * channels * side * side }, () => draw.uniform());
}
