/** Cases of convolutions and their gradients. */
import { apply } from '../../graph/graph.ts';
import type { Value } from '../../graph/value.ts';
import { type Conv2dAttrs, convGeometry } from '../../ops/conv2d.ts';
import { mul } from '../../ops/elementwise.ts';
import { OPS } from '../../ops/table.ts';
import { each, type Tracing } from './case.ts';

interface ConvCase {
  x: readonly number[];
  o: number;
  k: readonly [number, number];
  time?: number | null;
  spikes?: boolean;
  stride?: readonly [number, number];
  padding?: readonly [number, number, number, number];
  dilation?: readonly [number, number];
  groups?: number;
  bias?: boolean;
  /** One gradient in ten is not zero. */
  sparse?: boolean;
  /** Share of neurons that fire, where x is spikes. */
  rate?: number;
}

const CONVOLUTIONS: readonly ConvCase[] = [
  { x: [2, 3, 7, 6], o: 16, k: [3, 3], padding: [1, 1, 1, 1], bias: true },
  { x: [1, 1, 5, 5], o: 1, k: [3, 3], time: 3 },
  { x: [2, 16, 6, 6], o: 33, k: [3, 3], padding: [1, 1, 1, 1], time: 1 },
  { x: [1, 17, 5, 7], o: 5, k: [3, 3], padding: [1, 0, 0, 2], stride: [2, 1], bias: true },
  { x: [3, 33, 4, 4], o: 17, k: [1, 1], bias: true },
  { x: [2, 5, 9, 8], o: 4, k: [5, 3], dilation: [2, 1], padding: [2, 2, 1, 1] },
  { x: [2, 32, 5, 5], o: 32, k: [3, 3], padding: [1, 1, 1, 1], groups: 32 },
  { x: [1, 6, 5, 5], o: 9, k: [2, 2], groups: 3, bias: true },
  {
    x: [1, 17, 9, 13],
    o: 17,
    k: [5, 4],
    padding: [3, 1, 0, 2],
    groups: 17,
    dilation: [1, 2],
    time: 3,
    bias: true,
  },
  { x: [2, 20, 9, 8], o: 20, k: [7, 7], padding: [3, 3, 3, 3], groups: 20 },
  { x: [1, 33, 9, 8], o: 33, k: [3, 3], padding: [1, 1, 1, 1], stride: [2, 3], groups: 33 },
  // … of few channels: planes narrower and wider than a register, images in more runs than one, taps beyond the map.
  { x: [70, 2, 5, 7], o: 2, k: [5, 5], padding: [2, 2, 2, 2], groups: 2 },
  { x: [2, 4, 9, 35], o: 4, k: [7, 7], padding: [3, 3, 3, 3], groups: 4, time: 2, bias: true },
  { x: [3, 3, 8, 11], o: 3, k: [2, 3], padding: [3, 0, 4, 1], groups: 3, dilation: [2, 3], bias: true },
  { x: [2, 2, 11, 38], o: 2, k: [3, 4], padding: [1, 0, 2, 1], stride: [2, 2], groups: 2, bias: true },
  { x: [1, 4, 7, 9], o: 4, k: [3, 3], stride: [3, 2], groups: 4, dilation: [1, 2] },
  { x: [2, 4, 6, 6], o: 4, k: [3, 3], padding: [1, 1, 1, 1], groups: 4, spikes: true, time: 2 },
  // … in one group, or two.
  { x: [40, 2, 9, 20], o: 1, k: [7, 7], padding: [3, 3, 3, 3], bias: true },
  { x: [2, 2, 7, 33], o: 4, k: [1, 1], time: 2 },
  { x: [3, 4, 8, 9], o: 3, k: [3, 2], padding: [2, 0, 1, 3], dilation: [1, 2], bias: true },
  { x: [2, 3, 10, 37], o: 2, k: [4, 3], padding: [1, 2, 0, 1], stride: [2, 3], bias: true },
  { x: [2, 4, 6, 18], o: 2, k: [3, 3], padding: [1, 1, 1, 1], groups: 2 },
  { x: [1, 2, 7, 8], o: 4, k: [3, 3], padding: [1, 1, 1, 1], stride: [1, 2], groups: 2, time: 3 },
  { x: [2, 4, 6, 6], o: 20, k: [3, 3], padding: [1, 1, 1, 1], spikes: true, time: 3 },
  { x: [1, 17, 8, 8], o: 16, k: [3, 3], padding: [1, 1, 1, 1], spikes: true, time: 3, bias: true },
  { x: [2, 33, 5, 6], o: 5, k: [3, 3], spikes: true, stride: [2, 2] },
  { x: [1, 64, 14, 14], o: 128, k: [3, 3], padding: [1, 1, 1, 1], spikes: true, time: 3, bias: true },
  // Events: more channels than a word has bits, borders of every kind, and small images that share weights.
  {
    x: [1, 70, 6, 9],
    o: 80,
    k: [3, 3],
    padding: [2, 1, 0, 2],
    spikes: true,
    time: 2,
    bias: true,
    sparse: true,
  },
  { x: [1, 16, 5, 1], o: 65, k: [3, 3], padding: [0, 2, 1, 1], spikes: true, sparse: true },
  { x: [11, 66, 3, 3], o: 17, k: [3, 3], padding: [1, 1, 1, 1], spikes: true, time: 3, sparse: true },
  { x: [17, 17, 2, 2], o: 130, k: [3, 3], padding: [1, 1, 1, 1], spikes: true, time: 2, sparse: true },
  { x: [1, 16, 1, 150], o: 16, k: [3, 3], padding: [1, 1, 1, 1], spikes: true, time: 1, sparse: true },
  { x: [2, 330, 3, 4], o: 35, k: [3, 3], padding: [1, 1, 1, 1], spikes: true, time: 1 },
  { x: [0, 16, 4, 4], o: 16, k: [3, 3], padding: [1, 1, 1, 1] },
  // One tap meets the map of one pixel, in the middle or in a corner; or none does.
  { x: [3, 20, 1, 1], o: 33, k: [5, 3], padding: [2, 2, 1, 1], time: 2, bias: true },
  { x: [2, 20, 1, 1], o: 20, k: [3, 3], padding: [2, 2, 2, 2], dilation: [2, 2], groups: 20 },
  { x: [2, 12, 1, 1], o: 18, k: [3, 3], padding: [1, 1, 1, 1], stride: [2, 2], groups: 2 },
  { x: [2, 3, 1, 1], o: 2, k: [3, 3], padding: [0, 2, 2, 0], bias: true },
  { x: [2, 5, 1, 1], o: 7, k: [2, 2], padding: [1, 1, 1, 1], dilation: [2, 2], bias: true },
  { x: [2, 20, 1, 1], o: 17, k: [3, 3], padding: [1, 1, 1, 1], spikes: true, time: 2 },
  // Tiles of Winograd's algorithm: one, some that stick out, blocks of them, and more than one task has.
  { x: [1, 5, 1, 1], o: 5, k: [3, 3], padding: [1, 1, 1, 1], bias: true },
  { x: [2, 17, 13, 9], o: 33, k: [3, 3], bias: true },
  { x: [3, 33, 7, 6], o: 16, k: [3, 3], padding: [2, 2, 2, 2], time: 3 },
  { x: [1, 70, 6, 10], o: 80, k: [3, 3], padding: [2, 1, 0, 2], time: 1, bias: true },
  { x: [1, 33, 31, 30], o: 5, k: [3, 3], padding: [1, 1, 1, 1], bias: true },
  { x: [1, 5, 3, 4], o: 150, k: [3, 3], padding: [1, 1, 1, 1] },
  // Tiles from few channels: runs of them, one that is not full, every padding.
  { x: [1, 3, 5, 129], o: 16, k: [3, 3], padding: [1, 1, 1, 1], bias: true },
  { x: [2, 1, 9, 62], o: 33, k: [3, 3], padding: [2, 0, 2, 1], time: 1 },
  { x: [1, 4, 3, 67], o: 17, k: [3, 3], padding: [0, 2, 0, 0], bias: true },
  { x: [3, 2, 1, 1], o: 5, k: [3, 3], padding: [2, 2, 2, 2], time: 3 },
  // Outputs that are stored around the caches: more than 8 MB.
  { x: [1, 5, 363, 362], o: 5, k: [3, 3], padding: [1, 1, 1, 1], bias: true },
  { x: [1, 1, 363, 362], o: 5, k: [3, 3], padding: [1, 1, 1, 1] },
  // Tiles with stride 2, every padding, and maps that end where a tap does and where it does not.
  { x: [1, 5, 1, 1], o: 5, k: [3, 3], padding: [1, 1, 1, 1], stride: [2, 2], bias: true },
  { x: [2, 17, 13, 9], o: 33, k: [3, 3], stride: [2, 2], bias: true },
  { x: [3, 33, 8, 7], o: 16, k: [3, 3], padding: [2, 2, 2, 2], stride: [2, 2], time: 3 },
  { x: [1, 150, 6, 11], o: 80, k: [3, 3], padding: [0, 1, 1, 0], stride: [2, 2], time: 1, bias: true },
  { x: [1, 33, 33, 30], o: 5, k: [3, 3], padding: [1, 1, 1, 1], stride: [2, 2], bias: true },
  { x: [2, 16, 62, 61], o: 17, k: [3, 3], padding: [1, 2, 2, 1], stride: [2, 2], bias: true },
  { x: [1, 16, 60, 61], o: 17, k: [3, 3], padding: [1, 1, 1, 1], bias: true },
  // 1×1: small maps brought together, larger ones in pieces, more channels than a task has.
  { x: [7, 40, 3, 3], o: 70, k: [1, 1], bias: true },
  { x: [2, 210, 13, 11], o: 33, k: [1, 1], time: 1 },
  { x: [1, 17, 76, 77], o: 5, k: [1, 1], bias: true },
  { x: [3, 37, 5, 7], o: 1, k: [1, 1], bias: true },
  { x: [20, 16, 3, 2], o: 3, k: [1, 1], time: 2 },
  { x: [2, 4, 7, 9], o: 70, k: [1, 1], time: 2 },
  { x: [3, 1, 5, 3], o: 17, k: [1, 1], bias: true },
  { x: [1, 340, 8, 8], o: 210, k: [1, 1], bias: true },
  // … brought together in frames that are as long as they collide, or not, as threads share the images.
  { x: [24, 340, 3, 7], o: 17, k: [1, 1] },
  // … of which a stride meets some pixels.
  { x: [5, 33, 7, 6], o: 40, k: [1, 1], stride: [2, 2], bias: true },
  { x: [2, 210, 13, 11], o: 65, k: [1, 1], stride: [2, 3], time: 1 },
  { x: [1, 17, 40, 41], o: 18, k: [1, 1], stride: [3, 1] },
  // Few channels: several taps side by side in the gradient of weights.
  { x: [2, 8, 9, 8], o: 7, k: [5, 5], padding: [1, 1, 1, 1] },
  { x: [1, 10, 7, 8], o: 17, k: [3, 5], stride: [2, 1] },
  { x: [3, 12, 6, 6], o: 16, k: [2, 2] },
];

/** Convolutions of spikes in other shapes than 3×3 with stride 1 (native/kernels/conv_gather.h), at many rates. */
const SPIKING: readonly ConvCase[] = [
  { x: [2, 17, 9, 8], o: 33, k: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1], time: 3, bias: true },
  { x: [1, 64, 8, 8], o: 130, k: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1], time: 4, rate: 0.15 },
  { x: [3, 5, 7, 9], o: 4, k: [3, 3], stride: [3, 3], padding: [0, 1, 2, 0], time: 1, bias: true },
  { x: [2, 70, 6, 5], o: 40, k: [1, 1], time: 3 },
  { x: [1, 33, 7, 7], o: 16, k: [1, 1], stride: [2, 3], padding: [1, 0, 0, 1] },
  { x: [2, 16, 11, 10], o: 20, k: [5, 5], padding: [2, 2, 2, 2], time: 2, rate: 0.05, bias: true },
  { x: [1, 20, 9, 12], o: 17, k: [7, 7], padding: [3, 3, 3, 3], stride: [2, 1] },
  { x: [1, 9, 8, 13], o: 35, k: [1, 7], padding: [0, 0, 3, 3], time: 2 },
  { x: [1, 35, 13, 6], o: 9, k: [7, 1], padding: [3, 3, 0, 0], stride: [1, 2] },
  { x: [2, 16, 10, 9], o: 16, k: [3, 3], padding: [2, 2, 3, 3], dilation: [2, 3] },
  { x: [1, 18, 12, 11], o: 18, k: [4, 5], padding: [3, 1, 0, 3], dilation: [3, 2], stride: [2, 3], time: 2 },
  { x: [1, 7, 11, 11], o: 6, k: [3, 2], dilation: [2, 4], stride: [4, 2], padding: [1, 1, 1, 1] },
  { x: [2, 3, 6, 7], o: 2, k: [3, 3], padding: [1, 1, 1, 1], time: 2 },
  { x: [1, 1, 1, 1], o: 1, k: [1, 1], rate: 1 },
  { x: [1, 16, 2, 1], o: 16, k: [6, 2], padding: [3, 3, 2, 0], stride: [3, 1] },
  { x: [5, 17, 5, 5], o: 17, k: [5, 5], time: 3, bias: true },
  { x: [2, 18, 6, 6], o: 20, k: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1], rate: 0, bias: true },
  { x: [2, 18, 6, 6], o: 20, k: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1], rate: 1, bias: true },
  { x: [1, 16, 40, 41], o: 16, k: [5, 5], padding: [2, 2, 2, 2], rate: 0.1 },
  { x: [40, 40, 4, 4], o: 48, k: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1], time: 2, rate: 0.2 },
  { x: [0, 16, 4, 4], o: 16, k: [1, 1] },
  // 3×3 with stride 1: gathered on small maps of many channels, else scattered.
  { x: [3, 150, 4, 5], o: 200, k: [3, 3], padding: [1, 1, 1, 1], time: 2, rate: 0.1, bias: true },
  { x: [2, 17, 9, 11], o: 33, k: [3, 3], padding: [1, 1, 1, 1], time: 3, bias: true },
  { x: [1, 33, 12, 9], o: 20, k: [3, 3], padding: [2, 1, 0, 2], rate: 0.1 },
  { x: [1, 70, 9, 8], o: 16, k: [3, 3], time: 1, rate: 0.2 },
  { x: [1, 16, 1, 70], o: 5, k: [3, 3], padding: [1, 1, 1, 1], bias: true },
  { x: [1, 16, 9, 8], o: 16, k: [3, 3], padding: [1, 1, 1, 1], rate: 0, bias: true },
  // One image: a task has all sums of its weights' gradients.
  { x: [1, 330, 3, 4], o: 150, k: [3, 3], padding: [1, 1, 1, 1], time: 1, rate: 0.2 },
  // Rates at which the weight gradient of 3×3 is no longer driven by events.
  { x: [2, 33, 13, 9], o: 17, k: [3, 3], padding: [1, 1, 1, 1], time: 2, rate: 0.5 },
  { x: [1, 64, 8, 8], o: 64, k: [3, 3], padding: [2, 0, 1, 2], time: 4, rate: 1 },
];

const ALL_CONVOLUTIONS: readonly ConvCase[] = [
  ...CONVOLUTIONS,
  ...SPIKING.map((item) => ({ ...item, spikes: true })),
];

function convAttrs({ stride, padding, dilation, groups }: ConvCase): Conv2dAttrs {
  return {
    stride: stride ?? [1, 1],
    padding: padding ?? [0, 0, 0, 0],
    dilation: dilation ?? [1, 1],
    groups: groups ?? 1,
  };
}

function convParts(t: Tracing, item: ConvCase) {
  const { x: shape, o, k, time = null, spikes = false, rate } = item;
  const attrs = convAttrs(item);
  const x = spikes ? t.spikes(shape, time, rate) : t.f32(shape, { time });
  const weightShape = [o, shape[1] / attrs.groups, ...k];
  const { oh, ow } = convGeometry(shape, weightShape, attrs, time);
  return { x, w: t.parameter(weightShape), attrs, gShape: [shape[0], o, oh, ow], time };
}

function gradientOf(t: Tracing, shape: readonly number[], time: number | null, sparse = false): Value {
  const g = t.f32(shape, { time });
  return sparse ? mul(g, apply(OPS.cast, [t.spikes(shape, time, 0.1)], {})[0]) : g;
}

export const conv2dCases = each(ALL_CONVOLUTIONS, (t, item) => {
  const { x, w, attrs } = convParts(t, item);
  t.outputs(...apply(OPS.conv2d, [x, w, item.bias ? t.parameter([item.o]) : null], attrs));
});

export const conv2dGradInputCases = each(CONVOLUTIONS, (t, item) => {
  const { w, attrs, gShape, time } = convParts(t, item);
  t.outputs(
    ...apply(OPS.conv2dGradInput, [gradientOf(t, gShape, time, item.sparse), w], {
      ...attrs,
      target: item.x,
    }),
  );
});

export const conv2dGradWeightCases = each(ALL_CONVOLUTIONS, (t, item) => {
  const { x, w, attrs, gShape, time } = convParts(t, item);
  t.outputs(
    ...apply(OPS.conv2dGradWeight, [x, gradientOf(t, gShape, time, item.sparse)], {
      ...attrs,
      target: w.shape,
    }),
  );
});
