/**
 * Reductions over axes and over time, and their counterpart, stretching to a shape.
 *
 * `axes` names axes of the shape (without time); `time: true` sums the time axis away as well. Without
 * `keepDims` reduced axes disappear.
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef } from '../graph/op.ts';
import type { TensorType, Value } from '../graph/value.ts';
import { f32, size } from '../graph/value.ts';
import { broadcastIndex, expectInput } from './shapes.ts';

export interface ReduceAttrs {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
  readonly time: boolean;
}

export interface BroadcastAttrs {
  readonly shape: readonly number[];
  readonly time: number | null;
  /** Every element is multiplied by this: 1 for the gradient of a sum, 1/n for that of a mean. */
  readonly scale: number;
}

function reducedShape(shape: readonly number[], axes: readonly number[], keepDims: boolean): number[] {
  const kept = shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
  return keepDims ? kept : kept.filter((_, axis) => !axes.includes(axis));
}

function inferReduced(op: string, inputs: readonly (TensorType | null)[], attrs: ReduceAttrs): TensorType {
  const x = expectInput(op, inputs, 0, 'x', { dtypes: ['f32', 'spike'] });
  for (const axis of attrs.axes)
    if (!Number.isInteger(axis) || axis < 0 || axis >= x.shape.length)
      throw mismatch(`${op}()`, `axes from 0 to ${x.shape.length - 1}`, axis);
  if (new Set(attrs.axes).size < attrs.axes.length) throw mismatch(`${op}()`, 'each axis once', attrs.axes);
  return f32(reducedShape(x.shape, attrs.axes, attrs.keepDims), attrs.time ? null : x.time);
}

/** How many elements make one result. */
export function reducedCount(x: TensorType, attrs: ReduceAttrs): number {
  return attrs.axes.reduce((n, axis) => n * x.shape[axis], attrs.time ? (x.time ?? 1) : 1);
}

/** The result's type with the reduced axes kept as 1, so that it broadcasts against x. */
function keptType(x: TensorType, attrs: ReduceAttrs): TensorType {
  return f32(reducedShape(x.shape, attrs.axes, true), attrs.time ? null : x.time);
}

/** Gives a reduced value its axes of length 1 back and stretches it to the shape of `like`. */
function stretchBack(g: Value, like: TensorType, attrs: ReduceAttrs, scale: number): Value {
  const kept = reshapeTo(g, keptType(like, attrs).shape);
  return broadcastTo(kept, like.shape, like.time, scale);
}

function reductionOp(name: 'reduceSum' | 'reduceMean'): OpDef<ReduceAttrs> {
  const scale = (x: TensorType, attrs: ReduceAttrs) =>
    name === 'reduceMean' ? 1 / reducedCount(x, attrs) : 1;
  return {
    name,
    infer: (inputs, attrs) => [inferReduced(name, inputs, attrs)],
    gradient({ inputs: [x], grads: [g], attrs }) {
      return [x && g ? stretchBack(g, x, attrs, scale(x, attrs)) : null];
    },
    reference({ inputs: [x], outputs: [y], attrs }) {
      if (!x || !y) return;
      const sums = new Float64Array(y.data.length);
      const index = broadcastIndex(keptType(x.type, attrs), x.type);
      for (let i = 0; i < x.data.length; i++) sums[index(i)] += x.data[i];
      const factor = scale(x.type, attrs);
      for (let i = 0; i < sums.length; i++) y.data[i] = sums[i] * factor;
    },
  };
}

/** Sum over axes; of spikes over time it is the spike count. */
export const reduceSumOp = reductionOp('reduceSum');
export const reduceMeanOp = reductionOp('reduceMean');

/** Maximum over axes. The gradient goes to the first element that attains it. */
export const reduceMaxOp: OpDef<ReduceAttrs> = {
  name: 'reduceMax',
  infer: (inputs, attrs) => [inferReduced('reduceMax', inputs, attrs)],
  gradient({ inputs: [x], outputs: [y], grads: [g], attrs }) {
    return [x && g ? apply(reduceMaxGrad, [x, y, g], attrs)[0] : null];
  },
  reference({ inputs: [x], outputs: [y], attrs }) {
    if (!x || !y) return;
    y.data.fill(-Infinity);
    const index = broadcastIndex(keptType(x.type, attrs), x.type);
    for (let i = 0; i < x.data.length; i++) {
      const j = index(i);
      if (x.data[i] > y.data[j]) y.data[j] = x.data[i];
    }
  },
};

/** (x, y, g) → gradient of x. */
export const reduceMaxGrad: OpDef<ReduceAttrs> = {
  name: 'reduceMaxGrad',
  infer([x]) {
    if (!x) throw mismatch('reduceMaxGrad()', 'x', 'nothing');
    return [f32(x.shape, x.time)];
  },
  reference({ inputs: [x, y, g], outputs: [dx], attrs }) {
    if (!x || !y || !g || !dx) return;
    const taken = new Uint8Array(y.data.length);
    const index = broadcastIndex(keptType(x.type, attrs), x.type);
    for (let i = 0; i < x.data.length; i++) {
      const j = index(i);
      const first = x.data[i] === y.data[j] && !taken[j];
      if (first) taken[j] = 1;
      dx.data[i] = first ? g.data[j] : 0;
    }
  },
};

export const broadcastToOp: OpDef<BroadcastAttrs> = {
  name: 'broadcastTo',
  infer(inputs, attrs) {
    const x = expectInput('broadcastTo', inputs, 0, 'x');
    const fits =
      x.shape.length <= attrs.shape.length &&
      x.shape.every((n, i) => n === 1 || n === attrs.shape[i + attrs.shape.length - x.shape.length]) &&
      (x.time === null || x.time === attrs.time);
    if (!fits)
      throw mismatch('broadcastTo()', `a shape that stretches to [${attrs.shape.join('×')}]`, x.shape);
    return [f32(attrs.shape, attrs.time)];
  },
  gradient({ inputs: [x], grads: [g], attrs }) {
    return [x && g ? affineSum(sumTo(g, x), attrs.scale) : null];
  },
  reference({ inputs: [x], outputs: [y], attrs }) {
    if (!x || !y) return;
    const index = broadcastIndex(x.type, y.type);
    for (let i = 0; i < y.data.length; i++) y.data[i] = x.data[index(i)] * attrs.scale;
  },
};

/** Same elements in the same order under another shape. Spikes stay spikes. */
export const reshapeOp: OpDef<{ readonly shape: readonly number[] }> = {
  name: 'reshape',
  infer(inputs, { shape }) {
    const x = expectInput('reshape', inputs, 0, 'x', { dtypes: ['f32', 'spike', 'i32', 'u8'] });
    if (size(x.shape) !== size(shape))
      throw mismatch('reshape()', `a shape of ${size(x.shape)} elements`, shape);
    return [{ ...f32(shape, x.time), dtype: x.dtype }];
  },
  gradient({ inputs: [x], grads: [g] }) {
    return [x && g ? reshapeTo(g, x.shape) : null];
  },
  reference({ inputs: [x], outputs: [y] }) {
    if (x && y) y.data.set(x.data);
  },
};

export interface ReduceOptions {
  readonly axes?: readonly number[];
  readonly keepDims?: boolean;
  readonly time?: boolean;
}

function reduceAttrs(x: Value, options: ReduceOptions): ReduceAttrs {
  const { axes = [], keepDims = false, time = false } = options;
  return { axes: axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis)), keepDims, time };
}

export function reduceSum(x: Value, options: ReduceOptions): Value {
  return apply(reduceSumOp, [x], reduceAttrs(x, options))[0];
}

export function reduceMean(x: Value, options: ReduceOptions): Value {
  return apply(reduceMeanOp, [x], reduceAttrs(x, options))[0];
}

export function reduceMax(x: Value, options: ReduceOptions): Value {
  return apply(reduceMaxOp, [x], reduceAttrs(x, options))[0];
}

export function reshapeTo(x: Value, shape: readonly number[]): Value {
  return x.shape.join() === shape.join() ? x : apply(reshapeOp, [x], { shape })[0];
}

export function broadcastTo(x: Value, shape: readonly number[], time: number | null, scale = 1): Value {
  return apply(broadcastToOp, [x], { shape, time, scale })[0];
}

/** Sums `g` down to the shape and time of `like`: the gradient of broadcasting. */
export function sumTo(g: Value, like: TensorType): Value {
  const lead = g.shape.length - like.shape.length;
  const axes = g.shape.flatMap((n, axis) =>
    axis < lead || (like.shape[axis - lead] === 1 && n !== 1) ? [axis] : [],
  );
  const time = g.time !== null && like.time === null;
  if (axes.length === 0 && !time) return g;
  return reshapeTo(reduceSum(g, { axes, keepDims: true, time }), like.shape);
}

function affineSum(x: Value, scale: number): Value {
  return scale === 1 ? x : broadcastTo(x, x.shape, x.time, scale);
}

/** Shape after flattening everything but the batch. */
export function flatten(x: Value): Value {
  return reshapeTo(x, [x.shape[0], size(x.shape) / x.shape[0]]);
}
