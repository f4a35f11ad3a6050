/** Cases of convolutions, dense layers and neurons, alone and fused with what stands beside them. */
import { differentiate } from '../../compile/differentiate.ts';
import { apply } from '../../graph/graph.ts';
import type { Value } from '../../graph/value.ts';
import { RESETS } from '../../neurons/neuron.ts';
import { arctan, fastSigmoid, rectangle, straightThrough, triangle } from '../../neurons/surrogate.ts';
import { type Conv2dAttrs, convGeometry, convolve } from '../../ops/conv2d.ts';
import { linear } from '../../ops/dense.ts';
import { mul, relu } from '../../ops/elementwise.ts';
import { joinMicro, microBatch, sumMicro } from '../../ops/micro-batch.ts';
import { type NeuronAttrs, neurons } from '../../ops/neuron.ts';
import { maxPool2d } from '../../ops/pool.ts';
import { flatten, reduceSum } from '../../ops/reduce.ts';
import { OPS } from '../../ops/table.ts';
import { type Case, each, type Tracing } from './case.ts';

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
  { x: [0, 16, 4, 4], o: 16, k: [3, 3], padding: [1, 1, 1, 1] },
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
  // The same with stride 2, every padding, and maps that end where a tap does and where it does not.
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

// ---- Dense

const LAYERS = [
  { n: 1, f: 1, o: 1, time: null, spikes: false },
  { n: 3, f: 17, o: 5, time: 3, spikes: false },
  { n: 2, f: 33, o: 16, time: null, spikes: true },
  { n: 4, f: 70, o: 8, time: 3, spikes: true },
  { n: 5, f: 300, o: 33, time: 1, spikes: false },
] as const;

const layerInput = (t: Tracing, { n, f, time, spikes }: (typeof LAYERS)[number]) =>
  spikes ? t.spikes([n, f], time) : t.f32([n, f], { time });

export const denseCases = each(LAYERS, (t, item) => {
  t.outputs(
    linear(layerInput(t, item), t.parameter([item.o, item.f]), item.o > 5 ? t.parameter([item.o]) : null),
  );
});

export const denseGradInputCases = each(LAYERS, (t, { n, f, o, time }) => {
  t.outputs(...apply(OPS.denseGradInput, [t.f32([n, o], { time }), t.parameter([o, f])], {}));
});

export const denseGradWeightCases = each(LAYERS, (t, item) => {
  const g = t.f32([item.n, item.o], { time: item.time });
  t.outputs(...apply(OPS.denseGradWeight, [layerInput(t, item), g], {}));
});

// ---- Neurons

interface NeuronCase {
  shape: readonly number[];
  timed: boolean;
  attrs: Omit<NeuronAttrs, 'model'>;
  perChannel: boolean;
}

const SURROGATE_MAKERS = [fastSigmoid(25), arctan(2, 0.5), rectangle(1), triangle(1.5), straightThrough()];
const NEURON_SHAPES = [
  [2, 3, 3, 4],
  [1, 17, 3, 2],
  [3, 16, 2, 2],
  [2, 5],
  [1, 33],
];

const NEURON_CASES: readonly NeuronCase[] = [
  ...RESETS.flatMap((reset, r) =>
    [true, false].flatMap((resetDelay, d) =>
      NEURON_SHAPES.map((shape, s) => ({
        shape,
        timed: (r + s) % 2 === 0,
        perChannel: (d + s) % 2 === 0,
        attrs: { reset, resetDelay, surrogate: SURROGATE_MAKERS[(r + d + s) % 5], steps: s === 0 ? 1 : 4 },
      })),
    ),
  ),
];

function population(t: Tracing, { shape, timed, attrs, perChannel }: NeuronCase): [Value, Value, Value] {
  const parameterShape = perChannel ? [shape[1]] : [];
  return [
    t.f32(shape, { time: timed ? attrs.steps : null, low: -0.5, high: 1.2 }),
    // Some are beyond the ends of [0, 1] and are clipped.
    t.parameter(parameterShape, { low: 0.7, high: perChannel ? 1.1 : 0.95 }),
    t.parameter(parameterShape, { low: 0.5, high: 1 }),
  ];
}

export const neuronCases = each(NEURON_CASES, (t, item) => {
  const [current, ...parameters] = population(t, item);
  const { spikes, membrane } = neurons(current, parameters, { ...item.attrs, model: 'lif' });
  t.outputs(spikes, item.perChannel ? membrane : null);
});

export const neuronGradCases = each(NEURON_CASES, (t, item) => {
  const inputs = population(t, item);
  const time = item.attrs.steps;
  const gMembrane = item.timed ? t.f32(item.shape, { time }) : null;
  const gSpikes = item.perChannel || !gMembrane ? t.f32(item.shape, { time }) : null;
  t.outputs(...apply(OPS.neuronGrad, [...inputs, gSpikes, gMembrane], { ...item.attrs, model: 'lif' }));
});

// ---- Fused

/** Gradients of Σ weights · y with respect to all parameters. */
function gradients(t: Tracing, y: Value): void {
  const axes = y.shape.map((_, axis) => axis);
  const loss = reduceSum(mul(y, t.f32(y.shape, { time: y.time })), { axes, time: true });
  const parameters = [...t.graph.variables.values()];
  t.outputs(y, ...differentiate(loss, parameters).values());
}

const lif = {
  model: 'lif',
  reset: 'subtract',
  resetDelay: true,
  surrogate: fastSigmoid(25),
  steps: 3,
} as const;

interface BlockCase {
  readonly x: readonly number[];
  readonly o: number;
  readonly pool: boolean;
  readonly rectify: boolean;
  /** Of both convolutions; 3×3 with stride 1 and padding 1 where nothing else is said. */
  readonly k?: number;
  readonly stride?: number;
  readonly dilation?: number;
  readonly classes?: number;
}

const BLOCKS: readonly BlockCase[] = [
  { x: [2, 3, 6, 6], o: 16, pool: true, rectify: true },
  { x: [1, 16, 7, 5], o: 17, pool: true, rectify: true, classes: 12 },
  { x: [2, 17, 4, 4], o: 5, pool: false, rectify: true },
  { x: [2, 5, 5, 6], o: 33, pool: true, rectify: false },
  { x: [1, 4, 6, 6], o: 4, pool: true, rectify: true },
  { x: [1, 17, 60, 61], o: 16, pool: true, rectify: true },
  { x: [1, 5, 9, 10], o: 70, pool: true, rectify: true },
  { x: [1, 5, 19, 18], o: 20, pool: true, rectify: true },
  { x: [1, 17, 9, 10], o: 33, pool: false, rectify: true },
  { x: [1, 3, 11, 66], o: 20, pool: true, rectify: true },
  { x: [2, 1, 7, 9], o: 17, pool: true, rectify: false },
];

/** Spiking networks whose convolutions gather events. */
const GATHERED_BLOCKS: readonly BlockCase[] = [
  { x: [2, 3, 14, 13], o: 33, pool: true, rectify: true, k: 5 },
  { x: [2, 17, 11, 9], o: 20, pool: false, rectify: false, stride: 2 },
  { x: [1, 4, 9, 12], o: 35, pool: true, rectify: false, k: 1 },
  { x: [1, 5, 13, 12], o: 16, pool: true, rectify: false, k: 7 },
  { x: [1, 16, 12, 11], o: 17, pool: true, rectify: true, dilation: 2 },
];

/** conv → pool → ReLU → conv → pool → ReLU → flatten → dense, with all gradients. */
const convolutionalCases = each(BLOCKS, (t, { x, o, pool, rectify, classes = 5 }) => {
  const block = (input: Value, filters: number) => {
    const w = t.parameter([filters, input.shape[1], 3, 3]);
    let y = convolve(input, w, t.parameter([filters]), { padding: 1 });
    if (rectify) y = relu(y);
    return pool ? maxPool2d(y, { kernel: 2 }) : y;
  };
  const features = block(block(t.f32(x), o), o);
  const flat = flatten(features);
  gradients(t, linear(flat, t.parameter([classes, flat.shape[1]]), t.parameter([classes])));
});

/** Weights that a step changes: they are packed, or transformed, each time that they are used. */
const UPDATED: readonly { x: readonly number[]; o: number; stride?: number }[] = [
  { x: [2, 5, 1, 1], o: 5 },
  { x: [3, 17, 9, 5], o: 33 },
  { x: [1, 130, 6, 10], o: 70 },
  { x: [8, 16, 16, 16], o: 16 },
  { x: [1, 130, 6, 10], o: 70, stride: 2 },
  { x: [16, 16, 16, 17], o: 16, stride: 2 },
];
const updatedConvolutionCases = each(UPDATED, (t, { x, o, stride = 1 }) => {
  const input = t.f32(x);
  const w = t.parameter([o, x[1], 3, 3]);
  const y = convolve(input, w, t.parameter([o]), { padding: 1, stride });
  const loss = reduceSum(mul(y, t.f32(y.shape)), { axes: [0, 1, 2, 3] });
  const [dx, dw] = [...differentiate(loss, [input, w]).values()];
  t.outputs(y, dx);
  apply(OPS.sgd, [w, dw, null, t.f32([], { low: 0.1 })], { momentum: 0, nesterov: false, weightDecay: 0 });
});

/** The same with neurons after each block, and a readout by spike count [N, classes]. */
function spikingNetwork(
  t: Tracing,
  images: Value,
  { o, pool, rectify, classes = 5, k = 3, stride = 1, dilation = 1 }: BlockCase,
  neuron = lif,
): Value {
  const block = (input: Value) => {
    const w = t.parameter([o, input.shape[1], k, k], { low: -0.3, high: 0.4 });
    let y = convolve(input, w, t.parameter([o]), { padding: ((k - 1) / 2) * dilation, stride, dilation });
    if (rectify) y = relu(y);
    if (pool) y = maxPool2d(y, { kernel: 2 });
    const beta = t.parameter([], { low: 0.8, high: 0.95 });
    return neurons(y, [beta, t.parameter([], { low: 0.5, high: 0.8 })], neuron).spikes;
  };
  const flat = flatten(block(block(images)));
  const current = linear(flat, t.parameter([classes, flat.shape[1]]), null);
  const beta = t.parameter([classes], { low: 0.8, high: 0.95 });
  const { spikes } = neurons(current, [beta, t.parameter([classes], { low: 0.1, high: 0.4 })], neuron);
  return reduceSum(spikes, { axes: [], time: true });
}

const spikingCases = each([...BLOCKS, ...GATHERED_BLOCKS], (t, spec) =>
  gradients(t, spikingNetwork(t, t.f32(spec.x, { low: 0 }), spec)),
);

/** With a flat surrogate the gradients of single numbers do not cancel to nearly nothing. */
const gentle = { ...lif, surrogate: fastSigmoid(2) } as const;

/** A batch of several times the size in a loop: weight gradients are summed where the micro-batches leave them. */
const MANY_CLASSES: BlockCase = { x: [2, 5, 4, 5], o: 20, pool: false, rectify: true, classes: 19 };
const spikingLoopCases = each([...BLOCKS, ...GATHERED_BLOCKS, MANY_CLASSES], (t, spec) => {
  const count = 2;
  const [n, ...image] = spec.x;
  const y = spikingNetwork(t, microBatch(t.f32([n * count, ...image], { low: 0 }), count), spec, gentle);
  const loss = reduceSum(mul(y, microBatch(t.f32([n * count, ...y.shape.slice(1)]), count)), {
    axes: [0, 1],
  });
  const found = differentiate(loss, [...t.graph.variables.values()]);
  t.outputs(joinMicro(y, count), ...[...found.values()].map((g) => sumMicro(g, count)));
});

export const fusedCases: Record<string, Case[]> = {
  'convolutional network': convolutionalCases,
  'convolution whose weights change': updatedConvolutionCases,
  'spiking network': spikingCases,
  'spiking network in micro-batches': spikingLoopCases,
};
