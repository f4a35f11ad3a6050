/** Cases of adaptive neurons, of suppression by spikes, and of min–max normalisation. */
import { apply } from '../../graph/graph.ts';
import { arctan, rectangle } from '../../neurons/surrogate.ts';
import type { AlifAttrs } from '../../ops/alif.ts';
import { OPS } from '../../ops/table.ts';
import { each } from './case.ts';

const SHAPES = [
  { shape: [1, 5, 1, 1], time: 1 },
  { shape: [3, 16, 3, 5], time: 4 },
  { shape: [2, 17, 4, 3], time: 3 },
  { shape: [5, 33, 2, 2], time: 6 },
] as const;

const NEURONS: readonly Partial<AlifAttrs>[] = [
  {},
  { rule: 'cumulative', adaptTau: 3 },
  { adapts: false, surrogate: rectangle(1) },
];

const alifItems = SHAPES.flatMap((item) => NEURONS.map((options) => ({ ...item, ...options })));
const attrsOf = ({ shape: _shape, time: _time, ...options }: (typeof alifItems)[number]): AlifAttrs => ({
  ...{ tau: 0.5, threshold: 0.7, adaptTau: 10, adaptStep: 1.3, rule: 'base', adapts: true },
  surrogate: arctan(2, 1 / Math.PI),
  ...options,
});

export const alifCases = each(alifItems, (t, item) => {
  const { shape, time } = item;
  const adaptation = t.parameter(shape.slice(1), { low: 0, high: 0.2 });
  t.outputs(...apply(OPS.alif, [t.f32(shape, { time, low: 0, high: 1 }), adaptation], attrsOf(item)));
});

export const alifGradCases = each(alifItems, (t, item) => {
  const { shape, time } = item;
  const thresholds = t.f32([1, ...shape.slice(1)], { time, low: 0.5, high: 0.9 });
  const inputs = [t.f32(shape, { time, low: 0, high: 1 }), thresholds, t.f32(shape, { time })];
  t.outputs(...apply(OPS.alifGrad, inputs, attrsOf(item)));
});

const SUPPRESSED = [...SHAPES, { shape: [2, 3, 2, 3], time: 2 } as const].flatMap((item) =>
  [true, false].map((timed) => ({ ...item, timed })),
);

export const suppressCases = each(SUPPRESSED, (t, { shape, time, timed }) => {
  t.outputs(...apply(OPS.suppress, [t.f32(shape, { time: timed ? time : null }), t.spikes(shape, time)], {}));
});

/** With `grid`, minima and maxima come more than once; with one pixel they are the same. */
const MAPPED = SHAPES.flatMap((item) =>
  [true, false].flatMap((inverted) => [undefined, 0.5].map((grid) => ({ ...item, inverted, grid }))),
);

export const minMaxCases = each(MAPPED, (t, { shape, time, inverted, grid }) => {
  t.outputs(...apply(OPS.minMax, [t.f32(shape, { time, grid })], { eps: 0.01, inverted }));
});

export const minMaxGradCases = each(MAPPED, (t, { shape, time, inverted, grid }) => {
  t.outputs(
    ...apply(OPS.minMaxGrad, [t.f32(shape, { time, grid }), t.f32(shape, { time })], { eps: 0.01, inverted }),
  );
});
