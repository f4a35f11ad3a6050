/** Cases of layers fused with what stands beside them, and of small networks, forward and back. */
import { differentiate } from '../../compile/differentiate.ts';
import { apply } from '../../graph/graph.ts';
import type { Value } from '../../graph/value.ts';
import { fastSigmoid } from '../../neurons/surrogate.ts';
import { convolve } from '../../ops/conv2d.ts';
import { linear } from '../../ops/dense.ts';
import { mul, relu } from '../../ops/elementwise.ts';
import { joinMicro, microBatch, sumMicro } from '../../ops/micro-batch.ts';
import { neurons } from '../../ops/neuron.ts';
import { maxPool2d } from '../../ops/pool.ts';
import { flatten, reduceSum } from '../../ops/reduce.ts';
import { OPS } from '../../ops/table.ts';
import { type Case, each, type Tracing } from './case.ts';

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

/** Maps that a dense layer flattens: of channels that blocks are not filled by, of few pixels, long and short rows. */
const FLATTENED: readonly { x: readonly number[]; o: number }[] = [
  { x: [3, 20, 3, 5], o: 4 },
  { x: [20, 33, 15, 17], o: 7 },
  { x: [65, 17, 31, 17], o: 97 },
  { x: [2, 33, 15, 17], o: 7 },
  { x: [16, 600, 4, 4], o: 5 },
  { x: [17, 2100, 2, 2], o: 3 },
  { x: [16, 3, 60, 60], o: 7 },
];
const flattenedCases = each(FLATTENED, (t, { x, o }) => {
  const input = t.f32(x);
  const flat = flatten(input);
  const w = t.parameter([o, flat.shape[1]]);
  const y = linear(flat, w, t.parameter([o]));
  const loss = reduceSum(mul(y, t.f32(y.shape)), { axes: [0, 1] });
  t.outputs(y, ...differentiate(loss, [input, w]).values());
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

/** … of spikes: many weights over few pixels, which tasks pack; and more spikes than events are for. */
const UPDATED_SPIKING = [
  { x: [2, 150, 4, 5], o: 200, time: 2, rate: 0.15, pool: false },
  { x: [1, 130, 5, 6], o: 230, time: 2, rate: 0.1, pool: true },
  { x: [1, 200, 1, 1], o: 150, time: 1, rate: 0.3, pool: false },
  { x: [0, 150, 4, 4], o: 200, time: 1, rate: 0.3, pool: false },
  { x: [1, 150, 3, 4], o: 200, time: 2, rate: 0.8, pool: false },
];
const updatedSpikingCases = each(UPDATED_SPIKING, (t, { x, o, time, rate, pool }) => {
  const w = t.parameter([o, x[1], 3, 3]);
  const sums = relu(convolve(t.spikes(x, time, rate), w, t.parameter([o]), { padding: 1 }));
  const y = pool ? maxPool2d(sums, { kernel: 2 }) : sums;
  const loss = reduceSum(mul(y, t.f32(y.shape, { time })), { axes: [0, 1, 2, 3], time: true });
  const [dw] = [...differentiate(loss, [w]).values()];
  t.outputs(y);
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
  'dense layer of a map': flattenedCases,
  'convolution whose weights change': updatedConvolutionCases,
  'convolution of spikes whose weights change': updatedSpikingCases,
  'spiking network': spikingCases,
  'spiking network in micro-batches': spikingLoopCases,
};
