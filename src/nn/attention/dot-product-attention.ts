/**
 * Dot-product attention, A = softmax(q·kᵀ), y = A·v, for tokens [N, M, D]. Vaswani et al. 2017 divide the scores by
 * √D and let the keys of each query compete; paper (d)'s code does not divide, and lets the queries of each key
 * compete.
 */
import type { Value } from '../../graph/value.ts';
import { affine } from '../../ops/elementwise.ts';
import { matmul } from '../../ops/matmul.ts';
import { softmax } from '../../ops/softmax.ts';

/** Whose scores add up to 1: those of all queries for a key, or of all keys for a query. */
export const SOFTMAX_AXES = ['query', 'key'] as const;

export interface DotProductOptions {
  readonly softmaxAxis?: (typeof SOFTMAX_AXES)[number];
  /** Scores are divided by √D. */
  readonly scaled?: boolean;
}

/** q [N, M, D], k [N, L, D], v [N, L, E] → [N, M, E]. */
export function dotProductAttention(q: Value, k: Value, v: Value, options: DotProductOptions = {}): Value {
  const { softmaxAxis = 'key', scaled = true } = options;
  const scores = affine(matmul(q, k, { transposeB: true }), scaled ? 1 / Math.sqrt(q.shape[2]) : 1);
  return matmul(softmax(scores, { axes: [softmaxAxis === 'query' ? 1 : 2] }), v);
}
