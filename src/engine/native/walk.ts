/**
 * How kernels walk over values: six axes with a size, and for each value a stride on each axis.
 *
 * Where a blocked map takes part, channels are split in blocks and lanes: [T, N, ⌈C/16⌉, H, W, 16]. Else the
 * axes are time and those of the shape, aligned right. A stride of 0 stretches a value along an axis.
 */
import { isBlocked, LANES } from '../../compile/layout.ts';
import { mismatch } from '../../errors.ts';
import type { TensorType } from '../../graph/value.ts';
import { describe, size } from '../../graph/value.ts';
import { broadcastStrides } from '../../ops/shapes.ts';

export const AXES = 6;
const BLOCK_AXIS = 2;

/** Sizes of the axes of a type, with its channels split in blocks and lanes or not. */
export function axisSizes(type: TensorType, split: boolean): number[] {
  const { shape } = type;
  const time = type.time ?? 1;
  if (split) return [time, shape[0], Math.ceil(shape[1] / LANES), shape[2], shape[3], LANES];
  if (shape.length > AXES - 1) throw mismatch('native engine', 'values of at most 5 axes', describe(type));
  return [time, ...Array.from({ length: AXES - 1 - shape.length }, () => 1), ...shape];
}

/** Strides of a value of type `from` while walking over the axes of `to`. */
export function axisStrides(from: TensorType, to: TensorType, split: boolean): number[] {
  const outer = AXES - 1 - to.shape.length;
  if (!split) {
    const strides = broadcastStrides(from.shape, to.shape);
    return [timeStride(from, size(from.shape)), ...Array.from({ length: outer }, () => 0), ...strides];
  }
  if (!isBlocked(from)) {
    const [n, c, h, w] = broadcastStrides(from.shape, to.shape);
    return [timeStride(from, size(from.shape)), n, c * LANES, h, w, c];
  }
  const [n, c, h, w] = from.shape;
  const block = h * w * LANES;
  const image = Math.ceil(c / LANES) * block;
  return [
    timeStride(from, n * image),
    n === 1 ? 0 : image,
    block,
    h === 1 ? 0 : w * LANES,
    w === 1 ? 0 : LANES,
    1,
  ];
}

function timeStride(type: TensorType, step: number): number {
  return type.time === null ? 0 : step;
}

/**
 * The walk of an elementwise kernel over `out`, as its list of integers: [block axis or −1, C, sizes, strides of
 * each operand]. Axes are merged as far as all operands lie alike.
 * @param keepsZero whether the result is zero wherever all operands are: then the lanes of a map beyond C need
 * no care
 */
export function elementwiseWalk(
  out: TensorType,
  operands: readonly TensorType[],
  keepsZero: boolean,
): number[] {
  const split = isBlocked(out);
  if (!split)
    for (const operand of operands)
      if (isBlocked(operand))
        throw mismatch('native engine', 'operands laid out as their result', describe(operand));
  const channels = split ? out.shape[1] : 0;
  const careful = channels % LANES !== 0 && !(keepsZero && operands.every(isBlocked));
  const strides = operands.map((operand) => axisStrides(operand, out, split));
  const axes = axisSizes(out, split).map((length, axis) => ({
    length,
    strides: strides.map((s) => s[axis]),
    fixed: careful && (axis === BLOCK_AXIS || axis === AXES - 1),
    block: careful && axis === BLOCK_AXIS,
  }));
  const merged: typeof axes = [];
  for (const axis of axes) {
    const last = merged.at(-1);
    if (axis.length === 1 && !axis.fixed) continue;
    if (
      last &&
      !last.fixed &&
      !axis.fixed &&
      last.strides.every((s, i) => s === axis.strides[i] * axis.length)
    )
      merged[merged.length - 1] = { ...axis, length: last.length * axis.length };
    else merged.push(axis);
  }
  const missing = AXES - merged.length;
  const padded = [
    ...Array.from({ length: missing }, () => ({ length: 1, strides: operands.map(() => 0), block: false })),
    ...merged,
  ];
  return [
    padded.findIndex((axis) => axis.block),
    channels,
    ...padded.map((axis) => axis.length),
    ...operands.flatMap((_, i) => padded.map((axis) => axis.strides[i])),
  ];
}
