/**
 * Element by element: add and multiply with broadcasting, a·x + b, ReLU, ELU, sigmoid, and spikes read as
 * numbers. A value without time is used again at every step of one that has time.
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef } from '../graph/op.ts';
import type { TensorType, Value } from '../graph/value.ts';
import { sumTo } from './reduce.ts';
import { broadcastIndex, broadcastShape, commonTime, dataOf, expectInput } from './shapes.ts';

function inferBinary(op: string, inputs: readonly (TensorType | null)[]): TensorType {
  const a = expectInput(op, inputs, 0, 'a');
  const b = expectInput(op, inputs, 1, 'b');
  const shape = broadcastShape(op, a.shape, b.shape);
  const format = a.format === 'map' || b.format === 'map' ? 'map' : 'flat';
  return { dtype: 'f32', shape, time: commonTime(op, inputs), format: shape.length === 4 ? format : 'flat' };
}

function binaryOp(
  name: string,
  combine: (a: number, b: number) => number,
  gradient: OpDef['gradient'],
): OpDef {
  return {
    name,
    infer: (inputs) => [inferBinary(name, inputs)],
    gradient,
    reference({ inputs: [a, b], outputs: [y] }) {
      if (!a || !b || !y) return;
      const ia = broadcastIndex(a.type, y.type);
      const ib = broadcastIndex(b.type, y.type);
      for (let i = 0; i < y.data.length; i++) y.data[i] = combine(a.data[ia(i)], b.data[ib(i)]);
    },
  };
}

export const addOp = binaryOp(
  'add',
  (a, b) => a + b,
  ({ inputs: [a, b], grads: [g], needs }) => [
    a && g && needs(0) ? sumTo(g, a) : null,
    b && g && needs(1) ? sumTo(g, b) : null,
  ],
);

export const mulOp = binaryOp(
  'mul',
  (a, b) => a * b,
  ({ inputs: [a, b], grads: [g], needs }) => [
    a && b && g && needs(0) ? sumTo(mul(g, b), a) : null,
    a && b && g && needs(1) ? sumTo(mul(g, a), b) : null,
  ],
);

function unaryOp<A extends object>(
  name: string,
  f: (x: number, attrs: A) => number,
  gradient: OpDef<A>['gradient'],
): OpDef<A> {
  return {
    name,
    infer(inputs) {
      return [{ ...expectInput(name, inputs, 0, 'x') }];
    },
    gradient,
    reference({ inputs: [x], outputs: [y], attrs }) {
      if (!x || !y) return;
      for (let i = 0; i < y.data.length; i++) y.data[i] = f(x.data[i], attrs);
    },
  };
}

export interface AffineAttrs {
  readonly scale: number;
  readonly offset: number;
}

/** scale·x + offset with two constants. */
export const affineOp = unaryOp<AffineAttrs>(
  'affine',
  (x, { scale, offset }) => scale * x + offset,
  ({ grads: [g], attrs }) => [g ? affine(g, attrs.scale) : null],
);

export const reluOp = unaryOp(
  'relu',
  (x) => Math.max(x, 0),
  ({ outputs: [y], grads: [g] }) => [g ? apply(reluGrad, [y, g], {})[0] : null],
);

export const sigmoidOp = unaryOp(
  'sigmoid',
  (x) => 1 / (1 + Math.exp(-x)),
  ({ outputs: [y], grads: [g] }) => [g ? apply(sigmoidGrad, [y, g], {})[0] : null],
);

export interface EluAttrs {
  /** What −ELU tends to for large negative x. */
  readonly alpha: number;
}

/** x above 0, else α·(e^x − 1). Clevert et al., "Fast and Accurate Deep Network Learning by ELUs", 2016, eq. 15. */
export const eluOp = unaryOp<EluAttrs>(
  'elu',
  (x, { alpha }) => (x > 0 ? x : alpha * Math.expm1(x)),
  ({ outputs: [y], grads: [g], attrs }) => [g ? apply(eluGrad, [y, g], attrs)[0] : null],
);

function gradFromOutput<A extends object>(
  name: string,
  f: (y: number, g: number, attrs: A) => number,
): OpDef<A> {
  return {
    name,
    infer: (inputs) => [{ ...expectInput(name, inputs, 0, 'y') }],
    reference({ inputs: [y, g], outputs: [dx], attrs }) {
      if (!y || !g || !dx) return;
      for (let i = 0; i < dx.data.length; i++) dx.data[i] = f(y.data[i], g.data[i], attrs);
    },
  };
}

/** (y, g) → g where y > 0. */
export const reluGrad = gradFromOutput('reluGrad', (y, g) => (y > 0 ? g : 0));

/** (y, g) → g·y·(1 − y). */
export const sigmoidGrad = gradFromOutput('sigmoidGrad', (y, g) => g * y * (1 - y));

/** (y, g) → g where y > 0, else g·(y + α). */
export const eluGrad = gradFromOutput<EluAttrs>('eluGrad', (y, g, { alpha }) =>
  y > 0 ? g : g * (y + alpha),
);

/** Spikes as the numbers 0 and 1. The gradient passes unchanged. */
export const castOp: OpDef = {
  name: 'cast',
  infer(inputs) {
    return [{ ...expectInput('cast', inputs, 0, 'x', { dtypes: ['spike'] }), dtype: 'f32' }];
  },
  gradient: ({ grads: [g] }) => [g ?? null],
  reference({ inputs: [x], outputs: [y] }) {
    dataOf(y).set(dataOf(x));
  },
};

/** Spikes become numbers; anything else is returned as it is. */
export function toFloat(x: Value): Value {
  return x.dtype === 'spike' ? apply(castOp, [x], {})[0] : x;
}

/** a + b with NumPy broadcasting. */
export function add(a: Value, b: Value): Value {
  return apply(addOp, [toFloat(a), toFloat(b)], {})[0];
}

/** a · b with NumPy broadcasting. */
export function mul(a: Value, b: Value): Value {
  return apply(mulOp, [toFloat(a), toFloat(b)], {})[0];
}

export function affine(x: Value, scale: number, offset = 0): Value {
  return scale === 1 && offset === 0 ? x : apply(affineOp, [toFloat(x)], { scale, offset })[0];
}

export function relu(x: Value): Value {
  return apply(reluOp, [toFloat(x)], {})[0];
}

/** x above 0, else `alpha`·(e^x − 1). Throws where alpha is not above 0: its gradient is read from its result. */
export function elu(x: Value, alpha = 1): Value {
  if (!(alpha > 0)) throw mismatch('elu()', 'alpha above 0', alpha);
  return apply(eluOp, [toFloat(x)], { alpha })[0];
}

export function sigmoid(x: Value): Value {
  return apply(sigmoidOp, [toFloat(x)], {})[0];
}
