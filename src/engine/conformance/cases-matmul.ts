/** Cases of batched matrix products: all four transpositions, single rows and sizes around tiles and tasks. */
import { apply } from '../../graph/graph.ts';
import { OPS } from '../../ops/table.ts';
import { each } from './case.ts';

const SIZES = [
  { n: 1, m: 1, k: 1, p: 1, time: null },
  { n: 3, m: 5, k: 8, p: 5, time: null },
  { n: 2, m: 10, k: 8, p: 17, time: 3 },
  { n: 2, m: 33, k: 17, p: 65, time: 1 },
  { n: 1, m: 16, k: 1030, p: 16, time: null },
  { n: 2, m: 3, k: 6, p: 131, time: null },
  { n: 0, m: 3, k: 4, p: 5, time: null },
] as const;

const PRODUCTS = SIZES.flatMap((sizes) =>
  [false, true].flatMap((transposeA) =>
    [false, true].map((transposeB) => ({ ...sizes, transposeA, transposeB })),
  ),
);

export const matmulCases = each(PRODUCTS, (t, { n, m, k, p, time, transposeA, transposeB }) => {
  const a = t.f32(transposeA ? [n, k, m] : [n, m, k], { time });
  const b = t.f32(transposeB ? [n, p, k] : [n, k, p], { time });
  t.outputs(...apply(OPS.matmul, [a, b], { transposeA, transposeB }));
});
