/** Micro-batches: how they are cut, joined and summed, lowered to native/kernels/micro_batch.cc. */
import { align, storageBytes } from '../../compile/layout.ts';
import type { Lower } from './kernel-call.ts';
import { accumulator, needed, neededLoop } from './kernel-call.ts';

/** A micro-batch's rows lie in the whole: nothing is copied. */
export const lowerMicroBatch: Lower = () => [];
export const lowerJoinMicro: Lower = () => [];

export const lowerSumMicro: Lower = (step, _, loop) => {
  const [x, total] = [needed(step.root, 0), step.root.outputs[0]];
  const sums = accumulator(x);
  const floats = align(storageBytes(x)) / Float32Array.BYTES_PER_ELEMENT;
  return [
    { kernel: 'accumulate', buffers: [x, sums], ints: [floats] },
    {
      kernel: 'sum_slots',
      buffers: [sums, total],
      ints: [neededLoop(step, loop).slots, floats],
      finishes: true,
    },
  ];
};
