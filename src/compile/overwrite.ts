/**
 * Steps that may write a result where one of their inputs lies, if nobody reads this input later: their kernels
 * read each element no later than they write the one at the same place.
 */
import type { Value } from '../graph/value.ts';
import type { OpName } from '../ops/table.ts';
import { sameType } from './match.ts';
import type { Step } from './plan.ts';

const ELEMENTWISE: ReadonlySet<string> = new Set<OpName>([
  ...(['relu', 'reluGrad', 'elu', 'eluGrad', 'sigmoid', 'sigmoidGrad', 'affine', 'add', 'mul'] as const),
  // They read all of x for their sums, and then once more, element by element.
  ...(['batchNorm', 'batchNormGrad'] as const),
  // They run a neuron through all its steps, and then back, reading each gradient before they write there.
  ...(['neuronGrad', 'alifGrad'] as const),
]);

/** Inputs in whose place `output` may be written. Statistics and gradients a channel are no elementwise results. */
export function overwritable({ root, inputs }: Step, output: Value): readonly Value[] {
  if (!ELEMENTWISE.has(root.op.name) || root.outputs.indexOf(output) > 0) return [];
  return inputs.filter((input) => sameType(input, output));
}
