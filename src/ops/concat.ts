/** Joining values along an axis, and taking a range of one. Each is the gradient of the other. */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef } from '../graph/op.ts';
import type { TensorType, Value } from '../graph/value.ts';
import { f32, size } from '../graph/value.ts';
import { toFloat } from './elementwise.ts';
import { broadcastTo } from './reduce.ts';
import { commonTime, expectInput, steps } from './shapes.ts';

export interface ConcatAttrs {
  readonly axis: number;
}

export interface SliceAttrs {
  readonly axis: number;
  readonly start: number;
  readonly length: number;
}

/** The gradient of a slice puts it back into zeros of this shape. */
export interface PadAttrs extends SliceAttrs {
  readonly shape: readonly number[];
}

/** Rows before the axis, and elements in one step along it. */
function split(type: TensorType, axis: number): { outer: number; inner: number } {
  return { outer: size(type.shape.slice(0, axis)) * steps(type), inner: size(type.shape.slice(axis + 1)) };
}

export const concatOp: OpDef<ConcatAttrs> = {
  name: 'concat',
  infer(inputs, { axis }) {
    const rank = inputs[0]?.shape.length ?? 0;
    if (!(Number.isInteger(axis) && axis >= 0 && axis < rank))
      throw mismatch('concat()', `an axis from 0 to ${rank - 1}`, axis);
    const first = expectInput('concat', inputs, 0, 'x');
    let total = 0;
    for (const [i, input] of inputs.entries()) {
      const type = expectInput('concat', inputs, i, `input ${i}`, { rank: first.shape.length });
      if (type.shape.some((n, a) => a !== axis && n !== first.shape[a]) || type.time !== first.time)
        throw mismatch('concat()', `inputs that differ on axis ${axis} only`, input?.shape ?? 'nothing');
      total += type.shape[axis];
    }
    return [
      f32(
        first.shape.map((n, a) => (a === axis ? total : n)),
        commonTime('concat', inputs),
      ),
    ];
  },
  gradient({ inputs, grads: [g], attrs, needs }) {
    let start = 0;
    return inputs.map((x, i) => {
      const length = x?.shape[attrs.axis] ?? 0;
      start += length;
      return g && needs(i) ? slice(g, attrs.axis, start - length, length) : null;
    });
  },
  reference({ inputs, outputs: [y], attrs: { axis } }) {
    if (!y) return;
    let start = 0;
    const to = y.type.shape[axis];
    for (const x of inputs) {
      if (!x) continue;
      const { outer, inner } = split(x.type, axis);
      const length = x.type.shape[axis];
      for (let o = 0; o < outer; o++)
        for (let i = 0; i < length * inner; i++)
          y.data[(o * to + start) * inner + i] = x.data[o * length * inner + i];
      start += length;
    }
  },
};

export const sliceOp: OpDef<SliceAttrs> = {
  name: 'slice',
  infer(inputs, { axis, start, length }) {
    const x = expectInput('slice', inputs, 0, 'x');
    if (start < 0 || length < 1 || start + length > x.shape[axis])
      throw mismatch('slice()', `a range within 0…${x.shape[axis]}`, `${start}…${start + length}`);
    return [
      f32(
        x.shape.map((n, a) => (a === axis ? length : n)),
        x.time,
      ),
    ];
  },
  gradient({ inputs: [x], grads: [g], attrs }) {
    return [x && g ? apply(sliceGrad, [g], { ...attrs, shape: x.shape })[0] : null];
  },
  reference({ inputs: [x], outputs: [y], attrs: { axis, start, length } }) {
    if (!x || !y) return;
    const { outer, inner } = split(x.type, axis);
    const from = x.type.shape[axis];
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < length * inner; i++)
        y.data[o * length * inner + i] = x.data[(o * from + start) * inner + i];
  },
};

/** (g) → zeros of the source's shape with g in its range. */
export const sliceGrad: OpDef<PadAttrs> = {
  name: 'sliceGrad',
  infer: ([g], { shape }) => [f32(shape, g?.time ?? null)],
  reference({ inputs: [g], outputs: [dx], attrs: { axis, start, length, shape } }) {
    if (!g || !dx) return;
    dx.data.fill(0);
    const { outer, inner } = split(g.type, axis);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < length * inner; i++)
        dx.data[(o * shape[axis] + start) * inner + i] = g.data[o * length * inner + i];
  },
};

/** Joins values along an axis, counted from the end where it is negative; all other axes must agree. What has no time is there at every step. */
export function concat(values: readonly Value[], axis: number): Value {
  const joined = values.map(toFloat);
  const time = commonTime('concat', joined);
  const timed = joined.map((x) => (x.time === time ? x : broadcastTo(x, x.shape, time)));
  const rank = joined[0]?.shape.length ?? 0;
  return apply(concatOp, timed, { axis: axis < 0 ? axis + rank : axis })[0];
}

/** Elements start … start + length − 1 along an axis. */
export function slice(x: Value, axis: number, start: number, length: number): Value {
  return apply(sliceOp, [toFloat(x)], { axis, start, length })[0];
}
