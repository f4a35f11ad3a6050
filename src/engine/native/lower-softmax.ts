/**
 * Softmax over any axes, lowered to softmax.cc where its groups lie one after the other, or are the images of a blocked
 * map, and are not too few; and else to reductions and elementwise kernels: maximum, exponential, sum, division.
 */
import { isBlocked } from '../../compile/layout.ts';
import type { TensorType } from '../../graph/value.ts';
import { elements, size } from '../../graph/value.ts';
import { groupType, type SoftmaxAttrs } from '../../ops/softmax.ts';
import type { KernelCall, Lower, Place } from './kernel-call.ts';
import { expectPlain, needed, temporary } from './kernel-call.ts';
import { MAX, reduceInts, SUM } from './lower-elementwise.ts';
import { elementwiseWalk } from './walk.ts';

/** A group that one thread has no trouble with, and groups enough for all threads. */
const SHORT = 1 << 12;
const MANY = 32;

/** A kernel of softmax.cc and its integers. */
interface Grouping {
  readonly kernel: 'softmax' | 'softmax_maps';
  readonly ints: readonly number[];
}

/** The kernel for groups that lie one after the other, where it is the faster. */
function grouping(type: TensorType, { axes }: SoftmaxAttrs): Grouping | undefined {
  const { shape } = type;
  const first = shape.findIndex((n, axis) => axes.includes(axis) && n !== 1);
  const last = first < 0 ? shape.length : first;
  if (shape.some((n, axis) => axis > last && n !== 1 && !axes.includes(axis))) return undefined;
  const length = size(shape.slice(last));
  const rows = length === 0 ? 0 : elements(type) / length;
  if (length > SHORT && rows < MANY) return undefined;
  if (!isBlocked(type)) return { kernel: 'softmax', ints: [rows, length] };
  const [, channels, height, width] = shape;
  return last === 1 ? { kernel: 'softmax_maps', ints: [rows, channels, height * width] } : undefined;
}

/** Brings `x` to one number a group. */
function reduced(mode: number, x: Place, type: TensorType, attrs: SoftmaxAttrs, to: Place): KernelCall {
  const ints = reduceInts(type, groupType(type, attrs), { ...attrs, keepDims: true, time: false }, mode);
  return { kernel: 'reduce', buffers: [x, to], ints, floats: [1] };
}

export const lowerSoftmax: Lower = ({ root }) => {
  const [x, y] = [needed(root, 0), root.outputs[0]];
  const attrs = root.attrs as SoftmaxAttrs;
  const grouped = grouping(x, attrs);
  if (grouped) return [{ ...grouped, buffers: [x, y] }];
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
  const grouped = grouping(y, attrs);
  if (grouped) {
    if (!isBlocked(y)) expectPlain('softmaxGrad', g);
    return [{ kernel: `${grouped.kernel}_grad`, buffers: [y, g, dx], ints: grouped.ints }];
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
