/**
 * Softmax over any axes, lowered to softmax.cc where its groups lie one after the other and are not too few, and
 * else to reductions and elementwise kernels: maximum, exponential, sum, division.
 */
import { isBlocked } from '../../compile/layout.ts';
import type { TensorType, Value } from '../../graph/value.ts';
import { elements, size } from '../../graph/value.ts';
import { groupType, type SoftmaxAttrs } from '../../ops/softmax.ts';
import type { KernelCall, Lower, Temporary } from './kernel-call.ts';
import { expectPlain, needed, temporary } from './kernel-call.ts';
import { MAX, reduceInts, SUM } from './lower-elementwise.ts';
import { elementwiseWalk } from './walk.ts';

/** A group that one thread has no trouble with, and groups enough for all threads. */
const SHORT = 1 << 12;
const MANY = 32;

/** [groups, elements of a group] where these lie one after the other and `softmax.cc` is the faster. */
function rowInts(type: TensorType, { axes }: SoftmaxAttrs): readonly [number, number] | undefined {
  const { shape } = type;
  const first = shape.findIndex((n, axis) => axes.includes(axis) && n !== 1);
  const last = first < 0 ? shape.length : first;
  if (isBlocked(type) || shape.some((n, axis) => axis > last && n !== 1 && !axes.includes(axis)))
    return undefined;
  const length = size(shape.slice(last));
  const rows = length === 0 ? 0 : elements(type) / length;
  return length <= SHORT || rows >= MANY ? [rows, length] : undefined;
}

type Place = Value | Temporary;

/** Brings `x` to one number a group. */
function reduced(mode: number, x: Place, type: TensorType, attrs: SoftmaxAttrs, to: Place): KernelCall {
  const ints = reduceInts(type, groupType(type, attrs), { ...attrs, keepDims: true, time: false }, mode);
  return { kernel: 'reduce', buffers: [x, to], ints, floats: [1] };
}

export const lowerSoftmax: Lower = ({ root }) => {
  const [x, y] = [needed(root, 0), root.outputs[0]];
  const attrs = root.attrs as SoftmaxAttrs;
  const rows = rowInts(x, attrs);
  if (rows) return [{ kernel: 'softmax', buffers: [x, y], ints: rows }];
  const group = groupType(x, attrs);
  const [highest, sum] = [temporary(group), temporary(group)];
  const ints = elementwiseWalk(y, [y, group], false);
  return [
    reduced(MAX, x, x, attrs, highest),
    { kernel: 'exp_difference', buffers: [x, highest, y], ints },
    reduced(SUM, y, y, attrs, sum),
    { kernel: 'divide', buffers: [y, sum, y], ints },
  ];
};

export const lowerSoftmaxGrad: Lower = ({ root }) => {
  const [y, g, dx] = [needed(root, 0), needed(root, 1), root.outputs[0]];
  const attrs = root.attrs as SoftmaxAttrs;
  const rows = rowInts(y, attrs);
  if (rows) {
    expectPlain('softmaxGrad', g);
    return [{ kernel: 'softmax_grad', buffers: [y, g, dx], ints: rows }];
  }
  const group = groupType(y, attrs);
  const inner = temporary(group);
  return [
    { kernel: 'mul', buffers: [y, g, dx], ints: elementwiseWalk(dx, [y, g], true) },
    reduced(SUM, dx, dx, attrs, inner),
    { kernel: 'subtract', buffers: [g, inner, dx], ints: elementwiseWalk(dx, [g, group], false) },
    { kernel: 'mul', buffers: [y, dx, dx], ints: elementwiseWalk(dx, [y, dx], true) },
  ];
};
