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
  { x: [0, 16, 4, 4], o: 16, k: [3, 3], padding: [1, 1, 1, 1] },
  // Tiles of Winograd's algorithm: one, some that stick out, blocks of them, and more than one task has.
  { x: [1, 5, 1, 1], o: 5, k: [3, 3], padding: [1, 1, 1, 1], bias: true },
  { x: [2, 17, 13, 9], o: 33, k: [3, 3], bias: true },
  { x: [3, 33, 7, 6], o: 16, k: [3, 3], padding: [2, 2, 2, 2], time: 3 },
  { x: [1, 70, 6, 10], o: 80, k: [3, 3], padding: [2, 1, 0, 2], time: 1, bias: true },
  { x: [1, 33, 31, 30], o: 5, k: [3, 3], padding: [1, 1, 1, 1], bias: true },
  { x: [1, 5, 3, 4], o: 150, k: [3, 3], padding: [1, 1, 1, 1] },
  // The same with stride 2, every padding, and maps that end where a tap does and where it does not.
  { x: [1, 5, 1, 1], o: 5, k: [3, 3], padding: [1, 1, 1, 1], stride: [2, 2], bias: true },
  { x: [2, 17, 13, 9], o: 33, k: [3, 3], stride: [2, 2], bias: true },
  { x: [3, 33, 8, 7], o: 16, k: [3, 3], padding: [2, 2, 2, 2], stride: [2, 2], time: 3 },
  { x: [1, 150, 6, 11], o: 80, k: [3, 3], padding: [0, 1, 1, 0], stride: [2, 2], time: 1, bias: true },
  { x: [1, 33, 33, 30], o: 5, k: [3, 3], padding: [1, 1, 1, 1], stride: [2, 2], bias: true },
  { x: [2, 16, 62, 61], o: 17, k: [3, 3], padding: [1, 2, 2, 1], stride: [2, 2], bias: true },
  { x: [1, 16, 60, 61], o: 17, k: [3, 3], padding: [1, 1, 1, 1], bias: true },
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
  const { x: shape, o, k, time = null, spikes = false } = item;
  const attrs = convAttrs(item);
  const x = spikes ? t.spikes(shape, time) : t.f32(shape, { time });
  const weightShape = [o, shape[1] / attrs.groups, ...k];
  const { oh, ow } = convGeometry(shape, weightShape, attrs, time);
  return { x, w: t.parameter(weightShape), attrs, gShape: [shape[0], o, oh, ow], time };
}

export const conv2dCases = each(CONVOLUTIONS, (t, item) => {
  const { x, w, attrs } = convParts(t, item);
  t.outputs(...apply(OPS.conv2d, [x, w, item.bias ? t.parameter([item.o]) : null], attrs));
});

export const conv2dGradInputCases = each(CONVOLUTIONS, (t, item) => {
  const { w, attrs, gShape, time } = convParts(t, item);
  t.outputs(...apply(OPS.conv2dGradInput, [t.f32(gShape, { time }), w], { ...attrs, target: item.x }));
});

export const conv2dGradWeightCases = each(CONVOLUTIONS, (t, item) => {
  const { x, w, attrs, gShape, time } = convParts(t, item);
  t.outputs(...apply(OPS.conv2dGradWeight, [x, t.f32(gShape, { time })], { ...attrs, target: w.shape }));
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

const BLOCKS = [
  { x: [2, 3, 6, 6], o: 16, pool: true, rectify: true },
  { x: [1, 16, 7, 5], o: 17, pool: true, rectify: true },
  { x: [2, 17, 4, 4], o: 5, pool: false, rectify: true },
  { x: [2, 5, 5, 6], o: 33, pool: true, rectify: false },
  { x: [1, 4, 6, 6], o: 4, pool: true, rectify: true },
  { x: [1, 17, 60, 61], o: 16, pool: true, rectify: true },
] as const;

/** conv → pool → ReLU → conv → pool → ReLU → flatten → dense, with all gradients. */
const convolutionalCases = each(BLOCKS, (t, { x, o, pool, rectify }) => {
  const block = (input: Value, filters: number) => {
    const w = t.parameter([filters, input.shape[1], 3, 3]);
    let y = convolve(input, w, t.parameter([filters]), { padding: 1 });
    if (rectify) y = relu(y);
    return pool ? maxPool2d(y, { kernel: 2 }) : y;
  };
  const features = block(block(t.f32(x), o), o);
  const flat = flatten(features);
  gradients(t, linear(flat, t.parameter([5, flat.shape[1]]), t.parameter([5])));
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

/** The same with neurons after each block, and a readout by spike count [N, 5]. */
function spikingNetwork(
  t: Tracing,
  images: Value,
  { o, pool, rectify }: (typeof BLOCKS)[number],
  neuron = lif,
): Value {
  const block = (input: Value) => {
    const w = t.parameter([o, input.shape[1], 3, 3], { low: -0.3, high: 0.4 });
    let y = convolve(input, w, t.parameter([o]), { padding: 1 });
    if (rectify) y = relu(y);
    if (pool) y = maxPool2d(y, { kernel: 2 });
    const beta = t.parameter([], { low: 0.8, high: 0.95 });
    return neurons(y, [beta, t.parameter([], { low: 0.5, high: 0.8 })], neuron).spikes;
  };
  const flat = flatten(block(block(images)));
  const current = linear(flat, t.parameter([5, flat.shape[1]]), null);
  const beta = t.parameter([5], { low: 0.8, high: 0.95 });
  const { spikes } = neurons(current, [beta, t.parameter([5], { low: 0.1, high: 0.4 })], neuron);
  return reduceSum(spikes, { axes: [], time: true });
}

const spikingCases = each(BLOCKS, (t, spec) =>
  gradients(t, spikingNetwork(t, t.f32(spec.x, { low: 0 }), spec)),
);

/** With a flat surrogate the gradients of single numbers do not cancel to nearly nothing. */
const gentle = { ...lif, surrogate: fastSigmoid(2) } as const;

/** A batch of several times the size in a loop: weight gradients are summed where the micro-batches leave them. */
const spikingLoopCases = each(BLOCKS, (t, spec) => {
  const count = 2;
  const [n, ...image] = spec.x;
  const y = spikingNetwork(t, microBatch(t.f32([n * count, ...image], { low: 0 }), count), spec, gentle);
  const loss = reduceSum(mul(y, microBatch(t.f32([n * count, 5]), count)), { axes: [0, 1] });
  const found = differentiate(loss, [...t.graph.variables.values()]);
  t.outputs(joinMicro(y, count), ...[...found.values()].map((g) => sumMicro(g, count)));
});

export const fusedCases: Record<string, Case[]> = {
  'convolutional network': convolutionalCases,
  'convolution whose weights change': updatedConvolutionCases,
  'spiking network': spikingCases,
  'spiking network in micro-batches': spikingLoopCases,
};
