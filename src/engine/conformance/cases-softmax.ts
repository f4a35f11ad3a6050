/** Cases of softmax over one axis or several, in rows and in maps, with groups of all sizes. */
import { apply } from '../../graph/graph.ts';
import { OPS } from '../../ops/table.ts';
import { each, MAPS, ROWS } from './case.ts';

interface Softmax {
  readonly shape: readonly number[];
  readonly time: number | null;
  readonly axes: readonly number[];
}

const LAST: readonly Softmax[] = [
  ...ROWS.map((type) => ({ ...type, axes: [1] })),
  { shape: [2, 3, 7], time: 3, axes: [2] },
  { shape: [2, 1000], time: null, axes: [1] },
];

const OF_MAPS: readonly Softmax[] = MAPS.flatMap((type) =>
  [[1], [2, 3], [1, 2, 3], [0, 1, 2, 3], [0], [0, 2]].map((axes) => ({ ...type, axes })),
);

const CASES: readonly Softmax[] = [
  ...LAST,
  ...OF_MAPS,
  { shape: [4, 17, 5], time: null, axes: [1] },
  { shape: [2, 5, 17], time: 3, axes: [0, 1] },
  { shape: [3, 5, 1], time: null, axes: [1] },
  { shape: [33], time: null, axes: [0] },
  // Too long for one thread: cut in parts, whose sums are added in order.
  { shape: [3, 1, 60, 61], time: null, axes: [0, 1, 2, 3] },
  { shape: [2, 5, 41, 40], time: null, axes: [1, 2, 3] },
];

export const softmaxCases = each(CASES, (t, { shape, time, axes }) => {
  t.outputs(...apply(OPS.softmax, [t.f32(shape, { time, low: -20, high: 20 })], { axes }));
});

export const softmaxGradCases = each(CASES, (t, { shape, time, axes }) => {
  const y = t.f32(shape, { time, low: 0 });
  t.outputs(...apply(OPS.softmaxGrad, [y, t.f32(shape, { time })], { axes }));
});
