/** Cases of elementwise ops, stretching, reductions and normalisation. */
import { apply } from '../../graph/graph.ts';
import type { BatchNormAttrs } from '../../ops/batch-norm.ts';
import { OPS } from '../../ops/table.ts';
import { each, MAPS, ROWS, type Tracing } from './case.ts';

const ANY = [...MAPS, ...ROWS, { shape: [], time: null }, { shape: [2, 3, 4], time: 3 }] as const;

const unary = (name: 'relu' | 'sigmoid') =>
  each(ANY, (t, { shape, time }) => {
    t.outputs(...apply(OPS[name], [t.f32(shape, { time, low: -3, high: 3 })], {}));
  });
export const reluCases = unary('relu');
export const sigmoidCases = unary('sigmoid');

const ELUS = ANY.flatMap((type) => [1, 0.3].map((alpha) => ({ ...type, alpha })));

export const eluCases = each(ELUS, (t, { shape, time, alpha }) => {
  t.outputs(...apply(OPS.elu, [t.f32(shape, { time, low: -3, high: 1 })], { alpha }));
});

export const eluGradCases = each(ELUS, (t, { shape, time, alpha }) => {
  t.outputs(...apply(OPS.eluGrad, [t.f32(shape, { time, grid: 0.5 }), t.f32(shape, { time })], { alpha }));
});

const ofOutput = (name: 'reluGrad' | 'sigmoidGrad') =>
  each(ANY, (t, { shape, time }) => {
    t.outputs(...apply(OPS[name], [t.f32(shape, { time, grid: 0.5 }), t.f32(shape, { time })], {}));
  });
export const reluGradCases = ofOutput('reluGrad');
export const sigmoidGradCases = ofOutput('sigmoidGrad');

export const affineCases = each(
  ANY.flatMap((type) => [
    { ...type, scale: 2.5, offset: 0 },
    { ...type, scale: -1, offset: 3 },
  ]),
  (t, { shape, time, scale, offset }) => {
    t.outputs(...apply(OPS.affine, [t.f32(shape, { time })], { scale, offset }));
  },
);

export const castCases = each([...MAPS, ...ROWS], (t, { shape, time }) => {
  t.outputs(...apply(OPS.cast, [t.spikes(shape, time)], {}));
});

interface Pair {
  a: readonly number[];
  b: readonly number[];
  timeA?: number | null;
  timeB?: number | null;
}

const PAIRS: readonly Pair[] = [
  ...[...MAPS, ...ROWS].map(({ shape, time }) => ({ a: shape, b: shape, timeA: time, timeB: time })),
  { a: [2, 17, 4, 3], b: [2, 17, 1, 1] },
  { a: [2, 32, 1, 1], b: [2, 32, 4, 3], timeA: null, timeB: 3 },
  { a: [2, 3, 4, 3], b: [2, 3, 1, 1], timeA: 3, timeB: null },
  { a: [2, 17, 4, 3], b: [1, 17, 1, 1] },
  { a: [2, 17, 4, 3], b: [2, 1, 4, 3] },
  { a: [2, 5, 4, 3], b: [] },
  { a: [2, 33, 4, 3], b: [4, 3], timeA: 3, timeB: null },
  { a: [2, 16, 4, 3], b: [3] },
  { a: [2, 1, 1, 1], b: [2, 17, 2, 2], timeA: 3, timeB: null },
  { a: [5, 33], b: [33], timeA: 3, timeB: null },
  { a: [5, 33], b: [5, 1] },
  { a: [5, 1], b: [1, 7], timeA: null, timeB: 3 },
  { a: [], b: [] },
];

const binary = (name: 'add' | 'mul') =>
  each(PAIRS, (t, { a, b, timeA = null, timeB = null }) => {
    t.outputs(...apply(OPS[name], [t.f32(a, { time: timeA }), t.f32(b, { time: timeB })], {}));
  });
export const addCases = binary('add');
export const mulCases = binary('mul');

export const broadcastToCases = each(
  [
    { from: [2, 17, 1, 1], to: [2, 17, 3, 4], timeFrom: null, timeTo: 3 },
    { from: [2, 17, 3, 4], to: [2, 17, 3, 4], timeFrom: null, timeTo: 1 },
    { from: [1, 1, 1, 1], to: [2, 5, 3, 4], timeFrom: null, timeTo: null },
    { from: [1, 16, 1, 4], to: [3, 16, 5, 4], timeFrom: 3, timeTo: 3 },
    { from: [], to: [2, 33, 2, 2], timeFrom: null, timeTo: null },
    { from: [3], to: [2, 3], timeFrom: null, timeTo: 3 },
    { from: [5, 1], to: [5, 20], timeFrom: null, timeTo: null },
    { from: [2, 3, 1, 1], to: [2, 3, 4, 4], timeFrom: null, timeTo: null },
  ],
  (t, { from, to, timeFrom, timeTo }) => {
    const attrs = { shape: to, time: timeTo, scale: 0.25 };
    t.outputs(...apply(OPS.broadcastTo, [t.f32(from, { time: timeFrom })], attrs));
  },
);

// ---- Reductions

interface Reduced {
  shape: readonly number[];
  time: number | null;
  axes: readonly number[];
  keepDims: boolean;
  overTime: boolean;
  spikes: boolean;
}

const MAP_AXES = [[], [2, 3], [0, 2, 3], [0, 1, 2, 3], [1], [3], [0], [1, 2, 3]];
const ROW_AXES = [[], [0], [1], [0, 1]];
const SHAPES: [readonly number[], number | null, number[][]][] = [
  [[2, 3, 5, 4], 3, MAP_AXES],
  [[2, 5, 3, 3], null, MAP_AXES],
  [[3, 16, 4, 4], 1, MAP_AXES],
  [[1, 17, 3, 5], 3, MAP_AXES],
  [[4, 33], 3, ROW_AXES],
  [[3, 8], null, ROW_AXES],
];

const REDUCTIONS: readonly Reduced[] = [
  ...SHAPES.flatMap(([shape, time, lists]) =>
    lists.flatMap((axes, i) =>
      [false, true].map((spikes) => ({
        ...{ shape, time, axes, spikes },
        keepDims: i % 2 === 0,
        overTime: time !== null && i % 3 !== 1,
      })),
    ),
  ),
  // Large enough to be summed in parts.
  { shape: [8, 33, 20, 20], time: 2, axes: [0, 2, 3], keepDims: false, overTime: true, spikes: false },
  { shape: [8, 33, 20, 20], time: 2, axes: [0, 1, 2, 3], keepDims: false, overTime: true, spikes: true },
  { shape: [8, 33, 20, 20], time: 2, axes: [0, 1, 2, 3], keepDims: false, overTime: true, spikes: false },
  { shape: [4000, 20], time: null, axes: [0], keepDims: false, overTime: false, spikes: false },
  { shape: [2, 3, 4, 5], time: null, axes: [1, 3], keepDims: true, overTime: false, spikes: false },
  { shape: [2, 3, 4], time: 3, axes: [1], keepDims: false, overTime: true, spikes: false },
  // More pixels than a word has bits.
  { shape: [2, 37, 9, 8], time: 2, axes: [1], keepDims: true, overTime: false, spikes: false },
  { shape: [3, 5, 7, 9], time: null, axes: [1], keepDims: false, overTime: false, spikes: false },
  { shape: [2, 32, 5, 5], time: null, axes: [1], keepDims: false, overTime: false, spikes: false },
  { shape: [2, 20, 3, 7], time: 3, axes: [1], keepDims: true, overTime: true, spikes: false },
];

const attrsOf = ({ axes, keepDims, overTime }: Reduced) => ({ axes, keepDims, time: overTime });

function reducedInput(t: Tracing, { shape, time, spikes }: Reduced, grid?: number) {
  return spikes ? t.spikes(shape, time) : t.f32(shape, { time, grid });
}

const reduction = (name: 'reduceSum' | 'reduceMean' | 'reduceMax') =>
  each(REDUCTIONS, (t, item) => {
    t.outputs(...apply(OPS[name], [reducedInput(t, item)], attrsOf(item)));
  });
export const reduceSumCases = reduction('reduceSum');
export const reduceMeanCases = reduction('reduceMean');
export const reduceMaxCases = reduction('reduceMax');

export const reduceMaxGradCases = each(
  REDUCTIONS.filter(({ shape }) => shape[0] < 8),
  (t, item) => {
    const x = reducedInput(t, item, 0.25);
    const [y] = apply(OPS.reduceMax, [x], attrsOf(item));
    const g = t.f32(y.shape, { time: y.time });
    t.outputs(...apply(OPS.reduceMaxGrad, [x, y, g], attrsOf(item)));
  },
);

// ---- Batch normalisation

const NORMALISED = [...MAPS.slice(0, -1), ...ROWS, { shape: [3, 5, 4], time: null }].flatMap((type) =>
  [true, false].map((training) => ({ ...type, training })),
);

const normAttrs = (training: boolean): BatchNormAttrs => ({
  momentum: 0.1,
  eps: 1e-3,
  unbiased: training,
  training,
});

export const batchNormCases = each(NORMALISED, (t, { shape, time, training }) => {
  const channels = [shape[1]];
  const parameters = [t.parameter(channels), t.parameter(channels), t.parameter(channels)];
  const variance = t.parameter(channels, { low: 0.5, high: 2 });
  const x = t.f32(shape, { time, low: 2, high: 4 });
  t.outputs(...apply(OPS.batchNorm, [x, ...parameters, variance], normAttrs(training)));
});

export const batchNormGradCases = each(NORMALISED, (t, { shape, time, training }) => {
  const channels = [shape[1]];
  const gamma = t.parameter(channels);
  const [mean, invStd] = [t.f32(channels, { low: 2, high: 4 }), t.f32(channels, { low: 0.5, high: 2 })];
  const [x, g] = [t.f32(shape, { time, low: 2, high: 4 }), t.f32(shape, { time })];
  t.outputs(...apply(OPS.batchNormGrad, [x, gamma, mean, invStd, g], normAttrs(training)));
});
