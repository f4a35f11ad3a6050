/** Cases of pooling, reshaping, joining and slicing. */
import { apply } from '../../graph/graph.ts';
import { OPS } from '../../ops/table.ts';
import { each, type Tracing } from './case.ts';

interface Window {
  x: readonly number[];
  time?: number | null;
  kernel: readonly [number, number];
  stride: readonly [number, number];
  padding: readonly [number, number, number, number];
  spikes?: boolean;
}

const none = [0, 0, 0, 0] as const;
const WINDOWS: readonly Window[] = [
  { x: [2, 3, 6, 6], kernel: [2, 2], stride: [2, 2], padding: none },
  { x: [1, 16, 5, 7], time: 3, kernel: [2, 2], stride: [2, 2], padding: none },
  { x: [2, 17, 5, 5], kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1] },
  { x: [1, 5, 6, 4], time: 1, kernel: [3, 2], stride: [1, 1], padding: [0, 1, 1, 0] },
  { x: [1, 33, 4, 4], kernel: [4, 4], stride: [4, 4], padding: none },
  // Overlapping pairs: as Keras pads them, not padded, of a small map, in one column.
  { x: [2, 17, 5, 6], kernel: [2, 2], stride: [1, 1], padding: [0, 1, 0, 1] },
  { x: [1, 20, 4, 7], time: 2, kernel: [2, 2], stride: [1, 1], padding: none },
  { x: [1, 5, 3, 2], kernel: [2, 2], stride: [1, 1], padding: [0, 1, 0, 1] },
  { x: [1, 16, 3, 1], kernel: [2, 2], stride: [1, 1], padding: [0, 0, 0, 1] },
  // … so large that its gradient is stored around the caches.
  { x: [8, 16, 131, 130], kernel: [2, 2], stride: [1, 1], padding: [0, 1, 0, 1] },
  { x: [1, 1, 3, 3], kernel: [1, 1], stride: [2, 2], padding: none },
  { x: [1, 18, 14, 13], kernel: [13, 13], stride: [1, 1], padding: none },
];
const WITH_SPIKES = [...WINDOWS, ...WINDOWS.map((item) => ({ ...item, spikes: true }))];

const windowed = (t: Tracing, { x, time = null, spikes }: Window) =>
  // Equal values test that the first one wins.
  spikes ? t.spikes(x, time) : t.f32(x, { time, grid: 0.25 });

const attrsOf = ({ kernel, stride, padding }: Window) => ({ kernel, stride, padding });

export const maxPool2dCases = each(WITH_SPIKES, (t, item) => {
  t.outputs(...apply(OPS.maxPool2d, [windowed(t, item)], attrsOf(item)));
});

export const maxPool2dGradCases = each(WITH_SPIKES, (t, item) => {
  const x = windowed(t, item);
  const [, argmax] = apply(OPS.maxPool2d, [x], attrsOf(item));
  const g = t.f32(argmax.shape, { time: argmax.time });
  t.outputs(...apply(OPS.maxPool2dGrad, [g, argmax], { ...attrsOf(item), source: item.x }));
});

const AVERAGES = WINDOWS.flatMap((item) => [true, false].map((countPadding) => ({ ...item, countPadding })));

export const avgPool2dCases = each(AVERAGES, (t, item) => {
  const attrs = { ...attrsOf(item), countPadding: item.countPadding };
  t.outputs(...apply(OPS.avgPool2d, [windowed(t, item)], attrs));
});

export const avgPool2dGradCases = each(AVERAGES, (t, item) => {
  const { x: source, time = null, countPadding, kernel, stride, padding } = item;
  const side = (n: number, axis: 0 | 1) =>
    Math.floor((n + padding[2 * axis] + padding[2 * axis + 1] - kernel[axis]) / stride[axis]) + 1;
  const g = t.f32([source[0], source[1], side(source[2], 0), side(source[3], 1)], { time });
  t.outputs(...apply(OPS.avgPool2dGrad, [g], { ...attrsOf(item), countPadding, source }));
});

const ADAPTIVE = [
  { x: [2, 3, 11, 13], size: [7, 5] },
  { x: [2, 8, 11, 11], size: [7, 7] },
  { x: [1, 17, 6, 8], size: [3, 2], time: 3 },
  { x: [3, 4, 2, 3], size: [5, 7], time: 1 },
  { x: [1, 33, 1, 1], size: [1, 1] },
  { x: [2, 1, 5, 5], size: [1, 5] },
  { x: [0, 16, 5, 5], size: [2, 2] },
] as const;

export const adaptiveAvgPool2dCases = each(ADAPTIVE, (t, { x, size, ...rest }) => {
  t.outputs(...apply(OPS.adaptiveAvgPool2d, [t.f32(x, rest)], { size }));
});

export const adaptiveAvgPool2dGradCases = each(ADAPTIVE, (t, { x, size, ...rest }) => {
  const g = t.f32([x[0], x[1], ...size], rest);
  t.outputs(...apply(OPS.adaptiveAvgPool2dGrad, [g], { size, source: x }));
});

// ---- Layouts

const RESHAPES = [
  { from: [2, 17, 3, 2], to: [2, 102], time: null },
  { from: [2, 102], to: [2, 17, 3, 2], time: 3 },
  { from: [2, 33, 1, 1], to: [2, 33], time: 1 },
  { from: [2, 3, 4, 5], to: [2, 60], time: 3 },
  { from: [2, 60], to: [2, 3, 4, 5], time: null },
  { from: [2, 16, 3, 4], to: [2, 48, 2, 2], time: 3 },
  { from: [2, 17, 2, 3], to: [2, 34, 1, 3], time: null },
  { from: [4, 5, 2, 3], to: [2, 4, 5, 3], time: null },
  { from: [2, 3, 4, 4], to: [2, 12, 2, 2], time: 3 },
  { from: [6, 5], to: [2, 15], time: 3 },
].flatMap((item) => [false, true].map((spikes) => ({ ...item, spikes })));

export const reshapeCases = each(RESHAPES, (t, { from, to, time, spikes }) => {
  const x = spikes ? t.spikes(from, time) : t.f32(from, { time });
  t.outputs(...apply(OPS.reshape, [x], { shape: to }));
});

interface Ranges {
  shape: readonly number[];
  time: number | null;
  axis: number;
  lengths: readonly number[];
}

const RANGES: readonly Ranges[] = [
  { shape: [2, 0, 3, 4], time: null, axis: 1, lengths: [16, 17] },
  { shape: [2, 0, 3, 4], time: 3, axis: 1, lengths: [3, 2, 5] },
  { shape: [2, 0, 3, 4], time: null, axis: 1, lengths: [1, 2] },
  { shape: [2, 0, 3, 4], time: null, axis: 1, lengths: [5, 32] },
  { shape: [0, 17, 2, 2], time: 3, axis: 0, lengths: [1, 3] },
  { shape: [2, 17, 0, 2], time: 1, axis: 2, lengths: [3, 1] },
  { shape: [2, 16, 2, 0], time: 3, axis: 3, lengths: [3, 2] },
  { shape: [2, 3, 2, 0], time: 3, axis: 3, lengths: [3, 2] },
  { shape: [3, 0], time: 3, axis: 1, lengths: [5, 17] },
  { shape: [0, 7], time: 3, axis: 0, lengths: [2, 3] },
];

const withLength = ({ shape, axis }: Ranges, length: number) =>
  shape.map((n, a) => (a === axis ? length : n));

export const concatCases = each(RANGES, (t, item) => {
  const parts = item.lengths.map((length) => t.f32(withLength(item, length), { time: item.time }));
  t.outputs(...apply(OPS.concat, parts, { axis: item.axis }));
});

const total = ({ lengths }: Ranges) => lengths.reduce((sum, n) => sum + n, 0);
const ranges = ({ lengths }: Ranges) => {
  let start = 0;
  return lengths.map((length) => {
    start += length;
    return { start: start - length, length };
  });
};

export const sliceCases = each(RANGES, (t, item) => {
  const x = t.f32(withLength(item, total(item)), { time: item.time });
  for (const range of ranges(item)) t.outputs(...apply(OPS.slice, [x], { axis: item.axis, ...range }));
});

export const sliceGradCases = each(RANGES, (t, item) => {
  const shape = withLength(item, total(item));
  for (const range of ranges(item)) {
    const g = t.f32(withLength(item, range.length), { time: item.time });
    t.outputs(...apply(OPS.sliceGrad, [g], { axis: item.axis, ...range, shape }));
  }
});
