/**
 * How far a result is from what it should be, row by row: the squares and the absolute values of the differences of an
 * image, each as its mean. (x, target), both [N, …] → (squared [N], absolute [N]).
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef, Tensor } from '../graph/op.ts';
import type { Value } from '../graph/value.ts';
import { f32, size } from '../graph/value.ts';
import { affine } from './elementwise.ts';
import { reduceMean } from './reduce.ts';
import { expectInput, expectShape } from './shapes.ts';

export const rowErrorsOp: OpDef = {
  name: 'rowErrors',
  infer(inputs) {
    const x = expectInput('rowErrors', inputs, 0, 'x');
    const target = expectInput('rowErrors', inputs, 1, 'target');
    expectShape('rowErrors', target, 'target', x.shape);
    if (x.time !== null || target.time !== null)
      throw mismatch('rowErrors()', 'values without time', `T=${x.time ?? target.time}`);
    if (x.shape.length < 2 || x.format !== target.format)
      throw mismatch('rowErrors()', 'two batches of images, or of rows', `[${x.shape.join('×')}]`);
    return [f32([x.shape[0]]), f32([x.shape[0]])];
  },
  gradient({ inputs: [x, target], grads: [squared, absolute], needs }) {
    if (!x || !target) return [null, null];
    const [dx] = apply(rowErrorsGrad, [x, target, squared, absolute], {});
    return [needs(0) ? dx : null, needs(1) ? affine(dx, -1) : null];
  },
  reference({ inputs: [x, target], outputs: [squared, absolute] }) {
    if (!x || !target) return;
    const length = size(x.type.shape.slice(1));
    for (let n = 0; n < x.type.shape[0]; n++) {
      const sums = { squared: 0, absolute: 0 };
      for (let i = n * length; i < (n + 1) * length; i++) {
        const difference = x.data[i] - target.data[i];
        sums.squared += difference * difference;
        sums.absolute += Math.abs(difference);
      }
      if (squared) squared.data[n] = sums.squared / length;
      if (absolute) absolute.data[n] = sums.absolute / length;
    }
  },
};

/** (x, target, g of squared [N] | null, g of absolute [N] | null) → gradient of x. */
export const rowErrorsGrad: OpDef = {
  name: 'rowErrorsGrad',
  infer: (inputs) => [{ ...expectInput('rowErrorsGrad', inputs, 0, 'x') }],
  reference({ inputs: [x, target, squared, absolute], outputs: [dx] }) {
    if (!x || !target || !dx) return;
    const length = size(x.type.shape.slice(1));
    const at = (g: Tensor | null, n: number) => (g ? g.data[n] : 0);
    for (let i = 0; i < dx.data.length; i++) {
      const n = Math.floor(i / length);
      const difference = x.data[i] - target.data[i];
      dx.data[i] = (2 * at(squared, n) * difference + at(absolute, n) * Math.sign(difference)) / length;
    }
  },
};

export interface RowErrors {
  /** Mean square of the differences of each row, [N]. */
  readonly squared: Value;
  /** Mean absolute difference of each row, [N]. */
  readonly absolute: Value;
}

export function rowErrors(x: Value, target: Value): RowErrors {
  const [squared, absolute] = apply(rowErrorsOp, [x, target], {});
  return { squared, absolute };
}

/** Mean over all elements of (x − target)²: Keras's and PyTorch's MSE. Throws where the shapes differ. */
export function meanSquaredError(x: Value, target: Value): { loss: Value; errors: RowErrors } {
  const errors = rowErrors(x, target);
  return { loss: reduceMean(errors.squared, { axes: [0] }), errors };
}
