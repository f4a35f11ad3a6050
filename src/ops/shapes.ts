/** Shape rules and index arithmetic that several ops share. */
import { mismatch } from '../errors.ts';
import type { Tensor, TensorData } from '../graph/op.ts';
import type { DType, TensorType } from '../graph/value.ts';
import { describe, size } from '../graph/value.ts';

/** Steps of time that are folded into the batch; 1 without a time axis. */
export function steps(type: TensorType): number {
  return type.time ?? 1;
}

/** The time axis of a result: that of its inputs, which must agree where they have one. */
export function commonTime(op: string, inputs: readonly (TensorType | null)[]): number | null {
  let time: number | null = null;
  for (const input of inputs) {
    if (!input || input.time === null) continue;
    if (time !== null && input.time !== time)
      throw mismatch(`${op}()`, `inputs with one number of time steps`, `${time} and ${input.time}`);
    time = input.time;
  }
  return time;
}

/** Shape of a broadcast result by NumPy's rule (aligned right, 1 stretches). */
export function broadcastShape(op: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw mismatch(`${op}()`, 'shapes that broadcast', `[${a.join('×')}] and [${b.join('×')}]`);
    return x === 1 ? y : x;
  });
}

/**
 * Strides with which an operand of shape `from` is read while running over `to` in order;
 * 0 on axes that are stretched.
 */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const strides = new Array<number>(to.length).fill(0);
  let stride = 1;
  for (let i = from.length - 1; i >= 0; i--) {
    if (from[i] !== 1) strides[i + to.length - from.length] = stride;
    stride *= from[i];
  }
  return strides;
}

/**
 * Index into an operand for every element of `to`, in order. Both may have time, which is then the
 * outermost axis; an operand without time is read again at each step.
 */
export function broadcastIndex(from: TensorType, to: TensorType): (outer: number) => number {
  const strides = broadcastStrides(from.shape, to.shape);
  const inner = size(to.shape);
  const timeStride = from.time === null ? 0 : size(from.shape);
  return (index) => {
    let rest = index % inner;
    let offset = Math.floor(index / inner) * timeStride;
    for (let axis = to.shape.length - 1; axis >= 0; axis--) {
      offset += (rest % to.shape[axis]) * strides[axis];
      rest = Math.floor(rest / to.shape[axis]);
    }
    return offset;
  };
}

/** The input at `index`, checked for rank and dtype. */
export function expectInput(
  op: string,
  inputs: readonly (TensorType | null)[],
  index: number,
  what: string,
  wanted: { rank?: number; dtypes?: readonly DType[] } = {},
): TensorType {
  const type = inputs[index];
  const { rank, dtypes = ['f32'] } = wanted;
  const words = `${what} as ${dtypes.join(' or ')}${rank === undefined ? '' : ` of rank ${rank}`}`;
  if (!type) throw mismatch(`${op}()`, words, 'nothing');
  if (!dtypes.includes(type.dtype) || (rank !== undefined && type.shape.length !== rank))
    throw mismatch(`${op}()`, words, describe(type));
  return type;
}

/** Checks a parameter's shape and returns its type. */
export function expectShape(
  op: string,
  type: TensorType | null,
  what: string,
  shape: readonly number[],
): void {
  if (!type || type.shape.join() !== shape.join())
    throw mismatch(`${op}()`, `${what} [${shape.join('×')}]`, type ? describe(type) : 'nothing');
}

/** One number for all sides, [rows, columns], or [top, bottom, left, right]. */
export type Padding = number | readonly [number, number] | readonly [number, number, number, number];

export function fourSides(op: string, padding: Padding): readonly [number, number, number, number] {
  if (typeof padding === 'number') return [padding, padding, padding, padding];
  if (!Array.isArray(padding) || (padding.length !== 2 && padding.length !== 4))
    throw mismatch(`${op}()`, 'padding as one number, two or four', padding);
  return padding.length === 2 ? [padding[0], padding[0], padding[1], padding[1]] : padding;
}

/** A number for both axes, or one for each. */
export function pair(n: number | readonly [number, number]): readonly [number, number] {
  return typeof n === 'number' ? [n, n] : n;
}

/** Checks numbers of an option: whole, and `least` or more. */
export function expectWhole(op: string, what: string, numbers: readonly number[], least: number): void {
  if (numbers.some((n) => !Number.isInteger(n) || n < least))
    throw mismatch(`${op}()`, `${what} as whole numbers of ${least} or more`, numbers);
}

/** The data of a tensor that must be there. */
export function dataOf(tensor: Tensor | null): TensorData {
  if (!tensor) throw new Error('reference kernel: a required tensor is absent');
  return tensor.data;
}
