/**
 * Softmax over any set of axes, together: the elements that differ in these axes alone add up to 1. And its
 * gradient. Time is no axis: each step has its own.
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef, Tensor } from '../graph/op.ts';
import type { TensorType, Value } from '../graph/value.ts';
import { elements } from '../graph/value.ts';
import { toFloat } from './elementwise.ts';
import { broadcastIndex, dataOf, expectInput } from './shapes.ts';

export interface SoftmaxAttrs {
  /** In rising order; 0 is the batch. */
  readonly axes: readonly number[];
}

function infer(op: string, inputs: readonly (TensorType | null)[], { axes }: SoftmaxAttrs): TensorType[] {
  const x = expectInput(op, inputs, 0, 'x');
  const rank = x.shape.length;
  const fits = axes.every((axis, i) => Number.isInteger(axis) && axis > (axes[i - 1] ?? -1) && axis < rank);
  if (axes.length === 0 || !fits) throw mismatch(`${op}()`, `rising axes from 0 to ${rank - 1}`, axes);
  return [{ ...x }];
}

/** The type of one number a group: the axes of the softmax kept as 1. */
export function groupType(x: TensorType, { axes }: SoftmaxAttrs): TensorType {
  return { ...x, shape: x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n)) };
}

/** Group of each element, and how many groups there are. */
function groups(x: Tensor, attrs: SoftmaxAttrs): { of: (i: number) => number; count: number } {
  const type = groupType(x.type, attrs);
  return { of: broadcastIndex(type, x.type), count: elements(type) };
}

export const softmaxOp: OpDef<SoftmaxAttrs> = {
  name: 'softmax',
  couplesRows: ({ axes }) => axes.includes(0),
  infer: (inputs, attrs) => infer('softmax', inputs, attrs),
  gradient: ({ outputs: [y], grads: [g], attrs }) => [g ? apply(softmaxGrad, [y, g], attrs)[0] : null],
  reference({ inputs: [x], outputs: [y], attrs }) {
    if (!x || !y) return;
    const { of, count } = groups(x, attrs);
    const highest = new Float64Array(count).fill(-Infinity);
    for (let i = 0; i < x.data.length; i++) highest[of(i)] = Math.max(highest[of(i)], x.data[i]);
    const sums = new Float64Array(count);
    for (let i = 0; i < x.data.length; i++) sums[of(i)] += Math.exp(x.data[i] - highest[of(i)]);
    for (let i = 0; i < x.data.length; i++) y.data[i] = Math.exp(x.data[i] - highest[of(i)]) / sums[of(i)];
  },
};

/** (y, g) → y·(g − Σ g·y). */
export const softmaxGrad: OpDef<SoftmaxAttrs> = {
  name: 'softmaxGrad',
  couplesRows: ({ axes }) => axes.includes(0),
  infer: (inputs, attrs) => infer('softmaxGrad', inputs, attrs),
  reference({ inputs: [y, g], outputs: [dx], attrs }) {
    if (!y || !g) return;
    const { of, count } = groups(y, attrs);
    const inner = new Float64Array(count);
    for (let i = 0; i < y.data.length; i++) inner[of(i)] += g.data[i] * y.data[i];
    const to = dataOf(dx);
    for (let i = 0; i < y.data.length; i++) to[i] = y.data[i] * (g.data[i] - inner[of(i)]);
  },
};

/**
 * Softmax over `axes` of x, the last one where none are named; negative ones count from the end. With axis 0 the
 * images of a batch depend on each other.
 */
export function softmax(x: Value, options: { readonly axes?: readonly number[] } = {}): Value {
  const axes = (options.axes ?? [-1]).map((axis) => (axis < 0 ? axis + x.shape.length : axis));
  return apply(softmaxOp, [toFloat(x)], { axes: axes.sort((a, b) => a - b) })[0];
}
