/**
 * Product of matrices, one pair a row of the batch: y[n] = a[n]·b[n], each of both transposed first where wanted.
 *
 * a [N, M, K] (transposed [N, K, M]), b [N, K, P] (transposed [N, P, K]) → y [N, M, P].
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef } from '../graph/op.ts';
import type { TensorType, Value } from '../graph/value.ts';
import { describe, elements, f32 } from '../graph/value.ts';
import { toFloat } from './elementwise.ts';
import { broadcastTo } from './reduce.ts';
import { commonTime, expectInput, steps } from './shapes.ts';

export interface MatmulAttrs {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Sizes of a product: [M, K]·[K, P]. */
export function matmulSizes(a: TensorType, b: TensorType, attrs: MatmulAttrs) {
  const [m, k] = attrs.transposeA ? [a.shape[2], a.shape[1]] : [a.shape[1], a.shape[2]];
  const [inner, p] = attrs.transposeB ? [b.shape[2], b.shape[1]] : [b.shape[1], b.shape[2]];
  return { n: a.shape[0], m, k, p, fits: k === inner && a.shape[0] === b.shape[0] && a.time === b.time };
}

export const matmulOp: OpDef<MatmulAttrs> = {
  name: 'matmul',
  infer(inputs, attrs) {
    const a = expectInput('matmul', inputs, 0, 'a', { rank: 3 });
    const b = expectInput('matmul', inputs, 1, 'b', { rank: 3 });
    const { n, m, k, p, fits } = matmulSizes(a, b, attrs);
    if (!fits) {
      const wanted = attrs.transposeB ? `${n}×P×${k}` : `${n}×${k}×P`;
      throw mismatch('matmul()', `b [${wanted}] with the time of a, ${a.time}`, describe(b));
    }
    return [f32([n, m, p], a.time)];
  },
  gradient({ inputs: [a, b], grads: [g], attrs: { transposeA, transposeB }, needs }) {
    if (!a || !b || !g) return [null, null];
    const product = (x: Value, y: Value, transposeX: boolean, transposeY: boolean) =>
      apply(matmulOp, [x, y], { transposeA: transposeX, transposeB: transposeY })[0];
    // y = a·b: da = g·bᵀ and db = aᵀ·g; where an operand is transposed, so is its gradient.
    const da = () => (transposeA ? product(b, g, transposeB, true) : product(g, b, false, !transposeB));
    const db = () => (transposeB ? product(g, a, true, transposeA) : product(a, g, !transposeA, false));
    return [needs(0) ? da() : null, needs(1) ? db() : null];
  },
  macs: ({ inputs: [a, b], outputs: [y], attrs }) => (a && b ? elements(y) * matmulSizes(a, b, attrs).k : 0),
  reference({ inputs: [a, b], outputs: [y], attrs }) {
    if (!a || !b || !y) return;
    const { n, m, k, p } = matmulSizes(a.type, b.type, attrs);
    for (let row = 0; row < n * steps(a.type); row++)
      for (let i = 0; i < m; i++)
        for (let j = 0; j < p; j++) {
          let sum = 0;
          for (let l = 0; l < k; l++) {
            const atA = row * m * k + (attrs.transposeA ? l * m + i : i * k + l);
            const atB = row * k * p + (attrs.transposeB ? j * k + l : l * p + j);
            sum += a.data[atA] * b.data[atB];
          }
          y.data[(row * m + i) * p + j] = sum;
        }
  },
};

/** Products of matrices: a [N, M, K] · b [N, K, P] → [N, M, P]. What has no time is used again at every step. */
export function matmul(a: Value, b: Value, options: Partial<MatmulAttrs> = {}): Value {
  const { transposeA = false, transposeB = false } = options;
  const time = commonTime('matmul', [a, b]);
  const timed = (x: Value) => (x.time === time ? toFloat(x) : broadcastTo(toFloat(x), x.shape, time));
  return apply(matmulOp, [timed(a), timed(b)], { transposeA, transposeB })[0];
}
