/** Weights and bias of a layer, with a normalisation folded into them where the step has one; fold.cc makes them. */
import type { Step } from '../../compile/plan.ts';
import { size } from '../../graph/value.ts';
import type { BatchNormAttrs } from '../../ops/batch-norm.ts';
import type { KernelCall, Place } from './kernel-call.ts';
import { expectPlain, needed, temporary } from './kernel-call.ts';

export interface Weights {
  readonly weight: Place;
  readonly bias: Place | null;
  /** What makes them. */
  readonly calls: readonly KernelCall[];
}

export function weightsOf({ root, nodes }: Step): Weights {
  const [weight, bias] = [needed(root, 1), root.inputs[2] ?? null];
  expectPlain(root.op.name, weight);
  const norm = nodes.find((node) => node !== root && node.op.name === 'batchNorm');
  if (!norm) return { weight, bias, calls: [] };
  const statistics = [1, 2, 3, 4].map((i) => needed(norm, i));
  const folded = { weight: temporary(weight), bias: temporary(statistics[0]) };
  const [outputs, ...rest] = weight.shape;
  const call: KernelCall = {
    kernel: 'fold_norm',
    buffers: [weight, bias, ...statistics, folded.weight, folded.bias],
    ints: [outputs, size(rest)],
    floats: [(norm.attrs as BatchNormAttrs).eps],
    prepares: true,
  };
  return { ...folded, calls: [call] };
}
