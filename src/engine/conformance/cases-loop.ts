/** Micro-batches: cut, computed on, joined and summed, in loops of one and of many turns. */
import type { Value } from '../../graph/value.ts';
import { convolve } from '../../ops/conv2d.ts';
import { affine, relu } from '../../ops/elementwise.ts';
import { joinMicro, microBatch, sumMicro } from '../../ops/micro-batch.ts';
import { reduceSum } from '../../ops/reduce.ts';
import { type Case, each } from './case.ts';

const BATCHES = [
  { shape: [1, 3], count: 1 },
  { shape: [6, 5], count: 2 },
  { shape: [34, 17], count: 34 },
  { shape: [40, 3], count: 20 },
  { shape: [4, 3, 5, 3], count: 4 },
  { shape: [6, 17, 3, 2], count: 3 },
  { shape: [3, 40], count: 1 },
] as const;

/** Read after the loop too, and before it. */
function around(x: Value, inside: (x: Value) => Value): Value {
  return affine(inside(affine(x, 2, 1)), 0.5, -1);
}

export const microBatchCases: Case[] = each(BATCHES, (t, { shape, count }) => {
  const part = microBatch(t.f32(shape), count);
  t.outputs(sumMicro(affine(part, 3, 1), count));
});

export const joinMicroCases: Case[] = each(BATCHES, (t, { shape, count }) => {
  const x = t.f32(shape);
  t.outputs(around(x, (whole) => joinMicro(affine(microBatch(whole, count), -2, 0.25), count)));
});

export const sumMicroCases: Case[] = each(BATCHES, (t, { shape, count }) => {
  const part = microBatch(t.f32(shape), count);
  const square = relu(affine(part, 2, 0.5));
  t.outputs(sumMicro(reduceSum(square, { axes: [0] }), count), sumMicro(part, count));
});

/** What every thread needs for itself: values before the loop, weights, scratch and temporaries of kernels. */
export const loopCases: Record<string, Case[]> = {
  'loop over micro-batches': each([1, 2, 5, 10], (t, count) => {
    const images = t.f32([10, 3, 9, 7]);
    const w = affine(t.parameter([20, 3, 3, 3]), 0.5);
    const v = t.parameter([5, 20, 3, 3]);
    const x = relu(convolve(microBatch(images, count), w, null, { padding: 1 }));
    const y = convolve(x, v, t.parameter([5]), {});
    t.outputs(joinMicro(y, count), sumMicro(reduceSum(x, { axes: [0, 2] }), count));
  }),
};
