/** Cases of what is fused around batch normalisation and attention. */
import { differentiate } from '../../compile/differentiate.ts';
import { apply } from '../../graph/graph.ts';
import type { Value } from '../../graph/value.ts';
import { RESETS } from '../../neurons/neuron.ts';
import { arctan } from '../../neurons/surrogate.ts';
import { batchNormOp } from '../../ops/batch-norm.ts';
import { concat } from '../../ops/concat.ts';
import { convolve } from '../../ops/conv2d.ts';
import { linear } from '../../ops/dense.ts';
import { add, affine, mul, relu, sigmoid, toFloat } from '../../ops/elementwise.ts';
import { neurons } from '../../ops/neuron.ts';
import { maxPool2d } from '../../ops/pool.ts';
import { flatten, reduceMax, reduceMean, reduceSum, reshapeTo } from '../../ops/reduce.ts';
import { type Case, type Draw, each, type Tracing } from './case.ts';

/** y and the gradients of Σ weights · y with respect to x, where one is given, and all parameters. */
function gradients(t: Tracing, x: Value | null, y: Value): void {
  const axes = y.shape.map((_, axis) => axis);
  const loss = reduceSum(mul(y, t.f32(y.shape, { time: y.time })), { axes, time: true });
  t.outputs(y, ...differentiate(loss, [...(x ? [x] : []), ...t.graph.variables.values()]).values());
}

/** Far enough from zero that a variance by Σ x² alone would be wrong. */
function source(t: Tracing, { shape, time }: { shape: readonly number[]; time: number | null }): Value {
  return t.f32(shape, { time, low: 30, high: 33 });
}

function normalise(t: Tracing, x: Value, training = true, scales: Draw = { low: -1, high: 2 }): Value {
  const shape = [x.shape[1]];
  const inputs = [
    ...[x, t.parameter(shape, scales), t.parameter(shape)],
    ...[t.parameter(shape), t.parameter(shape, { low: 0.5, high: 2 })],
  ];
  return apply(batchNormOp, inputs, { momentum: 0.1, eps: 1e-3, unbiased: true, training })[0];
}

interface Attention {
  readonly mean: boolean;
  readonly maximum: boolean;
}

function attend(t: Tracing, x: Value, { mean, maximum }: Attention): Value {
  const [n, c] = x.shape;
  const branch = (value: Value) => linear(value, t.parameter([c, c]), null);
  const branches = [
    ...(mean ? [branch(reduceMean(x, { axes: [2, 3] }))] : []),
    ...(maximum ? [branch(reduceMax(x, { axes: [2, 3] }))] : []),
  ];
  const scale = sigmoid(branches.length === 2 ? add(branches[0], branches[1]) : branches[0]);
  return mul(x, reshapeTo(scale, [n, c, 1, 1]));
}

const NORMS = [
  { shape: [2, 16, 6, 6], time: null },
  { shape: [3, 17, 5, 7], time: null },
  { shape: [2, 5, 2, 3], time: 3 },
  { shape: [1, 33, 1, 1], time: null },
  { shape: [2, 32, 3, 2], time: 1 },
  { shape: [4, 3, 6, 5], time: 3 },
  // Long enough for runs of sums.
  { shape: [3, 18, 21, 17], time: 2 },
] as const;

const FORMS = [
  { pool: false, rectify: true },
  { pool: true, rectify: true },
  { pool: true, rectify: false },
] as const;

const ATTENTIONS: readonly Attention[] = [
  { mean: true, maximum: false },
  { mean: true, maximum: true },
  { mean: false, maximum: true },
];

const canPool = ([, , h, w]: readonly number[]) => h > 1 && w > 1;
const forms = NORMS.flatMap((item) =>
  FORMS.filter(({ pool }) => !pool || canPool(item.shape)).flatMap((form) =>
    [true, false].map((training) => ({ ...item, ...form, training })),
  ),
);

interface Form {
  readonly pool: boolean;
  readonly rectify: boolean;
  readonly training: boolean;
}

function block(t: Tracing, x: Value, { pool, rectify, training }: Form): Value {
  let y = normalise(t, x, training);
  if (rectify) y = relu(y);
  return pool ? maxPool2d(y, { kernel: 2 }) : y;
}

const plain = each(forms, (t, item) => {
  const x = source(t, item);
  gradients(t, x, block(t, x, item));
});

/** Scales of zero, and far below the shift: there x cannot be told from the result. */
const flat = each(
  NORMS.filter(({ shape }) => canPool(shape)).flatMap((item) => [
    { ...item, scales: { low: -1, high: 1, grid: 1 } },
    { ...item, scales: { low: 0, high: 1e-3 } },
  ]),
  (t, { scales, ...type }) => {
    const x = source(t, type);
    gradients(t, x, maxPool2d(relu(normalise(t, x, true, scales)), { kernel: 2 }));
  },
);

const residual = each(
  NORMS.flatMap((item) => [true, false].map((rectify) => ({ ...item, rectify }))),
  (t, { rectify, ...type }) => {
    const x = source(t, type);
    const shortcut = normalise(t, x);
    const sum = add(normalise(t, relu(normalise(t, x))), shortcut);
    gradients(t, x, rectify ? relu(sum) : sum);
  },
);

const attended = each(
  forms
    .filter(({ training }) => training)
    .flatMap((form) => ATTENTIONS.map((attention) => ({ ...form, ...attention }))),
  (t, item) => {
    const x = source(t, item);
    gradients(t, x, attend(t, block(t, x, item), item));
  },
);

/** Without normalisation: behind a ReLU, and behind nothing. */
const attention = each(
  NORMS.flatMap((item) =>
    ATTENTIONS.flatMap((a) => [true, false].map((rectify) => ({ ...item, ...a, rectify }))),
  ),
  (t, { shape, time, rectify, ...kind }) => {
    const x = t.f32(shape, { time });
    gradients(t, x, attend(t, rectify ? relu(x) : x, kind));
  },
);

/** A scale a pixel, from the mean and maximum of its channels. */
function attendPixels(t: Tracing, x: Value, { mean, maximum }: Attention): Value {
  const over = { axes: [1], keepDims: true };
  const seen = [...(mean ? [reduceMean(x, over)] : []), ...(maximum ? [reduceMax(x, over)] : [])];
  const w = t.parameter([1, seen.length, 3, 3]);
  return mul(x, sigmoid(convolve(concat(seen, 1), w, null, { padding: 1 })));
}

/** Some numbers are equal, so that pixels have several channels with their maximum. */
const spatial = each(
  [...NORMS, { shape: [2, 65, 9, 8], time: null }, { shape: [1, 150, 3, 5], time: 2 }].flatMap((item) =>
    ATTENTIONS.flatMap((a) => [true, false].map((rectify) => ({ ...item, ...a, rectify }))),
  ),
  (t, { shape, time, rectify, ...kind }) => {
    const x = t.f32(shape, { time, grid: 0.25 });
    gradients(t, x, attendPixels(t, rectify ? relu(x) : x, kind));
  },
);

/** Both kinds, as CBAM has them. */
const cbam = each(NORMS, (t, { shape, time }) => {
  const x = t.f32(shape, { time });
  const kind = { mean: true, maximum: true };
  gradients(t, x, attendPixels(t, attend(t, relu(x), kind), kind));
});

/** Convolutions between: the bias in front of a normalisation has no gradient. */
const network = each(
  [
    { x: [2, 3, 9, 8], filters: [16, 17] },
    { x: [1, 5, 6, 6], filters: [33, 5] },
  ],
  (t, { x, filters }) => {
    const image = t.f32(x);
    let y = image;
    for (const o of filters) {
      y = convolve(y, t.parameter([o, y.shape[1], 3, 3]), t.parameter([o]), { padding: 1 });
      y = attend(t, block(t, y, { pool: true, rectify: true, training: true }), {
        mean: true,
        maximum: true,
      });
    }
    gradients(t, image, y);
  },
);

const RULES = RESETS.flatMap((reset) => [true, false].map((resetDelay) => ({ reset, resetDelay })));

/** Neurons that compute their current again; where membranes are read too, and where parameters are learnt. */
const firing = each(
  [...NORMS, { shape: [7, 33], time: null }, { shape: [3, 16], time: 3 }].flatMap((item, i) =>
    RULES.flatMap((rule, r) =>
      [true, false].map((learnt) => ({ ...item, ...rule, learnt, membrane: (i + r) % 2 === 0 })),
    ),
  ),
  (t, { shape, time, learnt, membrane, ...rule }) => {
    const x = source(t, { shape, time });
    const number = (low: number, high: number) =>
      learnt ? t.parameter([shape[1]], { low, high }) : t.graph.constant([], Float32Array.of(high));
    const parameters = [number(0.6, 0.9), number(0.5, 0.8)];
    const attrs = { ...rule, model: 'lif', surrogate: arctan(2), steps: time ?? 3 } as const;
    const fired = neurons(normalise(t, x), parameters, attrs);
    gradients(t, x, membrane ? add(toFloat(fired.spikes), fired.membrane) : fired.spikes);
  },
);

/** Neurons in a branch: the gradient of the shortcut is added to theirs. */
const bypassed = each(
  NORMS.flatMap((item) => [true, false].map((normed) => ({ ...item, normed }))),
  (t, { normed, shape }) => {
    const x = t.f32(shape, { time: 3 });
    const attrs = { ...RULES[0], model: 'lif', surrogate: arctan(2), steps: 3 } as const;
    const current = normed ? normalise(t, x) : x;
    const { spikes } = neurons(current, [t.parameter([]), t.parameter([], { low: 0.5, high: 0.8 })], attrs);
    gradients(t, x, add(toFloat(spikes), affine(current, 0.5)));
  },
);

const WEIGHED = [
  { pool: true, attends: true },
  { pool: true, attends: false },
  { pool: false, attends: true },
] as const;

/** Neurons whose spikes are pooled, and weighed by an attention that reads their means. */
const weighed = each(
  [
    ...NORMS.filter(({ shape }) => canPool(shape)).flatMap((item, i) =>
      WEIGHED.map((form, f) => ({
        ...item,
        ...form,
        ...RULES[(i + f) % RULES.length],
        normed: true,
        membrane: (i + f) % 4 === 0,
      })),
    ),
    // Too large for the caches; a normalisation in f64 would have some of so many spikes differ.
    { shape: [1, 16, 131, 130], time: 8, ...WEIGHED[0], ...RULES[0], normed: false, membrane: false },
  ],
  (t, { shape, time, pool, attends, normed, membrane, ...rule }) => {
    const x = normed ? source(t, { shape, time }) : t.f32(shape, { time });
    const attrs = { ...rule, model: 'lif', surrogate: arctan(2), steps: time ?? 3 } as const;
    const parameters = [t.parameter([]), t.parameter([], { low: 0.5, high: 0.8 })];
    const fired = neurons(normed ? normalise(t, x) : x, parameters, attrs);
    const spikes = toFloat(fired.spikes);
    const seen = attends ? attend(t, spikes, { mean: true, maximum: false }) : spikes;
    const y = flatten(pool ? maxPool2d(seen, { kernel: 2 }) : seen);
    const summary = membrane ? reduceMean(fired.membrane, { axes: [2, 3] }) : null;
    gradients(t, x, summary ? add(y, linear(summary, t.parameter([y.shape[1], shape[1]]), null)) : y);
  },
);

/** Neurons behind a normalisation of which only the parameters learn: nobody reads the gradient of the current. */
const scalesOnly = each(
  [
    { shape: [2, 17, 5, 4], time: 3 },
    { shape: [3, 20, 3, 3], time: null },
    { shape: [2, 3, 4, 5], time: 2 },
  ],
  (t, { shape, time }) => {
    const attrs = { ...RULES[0], model: 'lif', surrogate: arctan(2), steps: time ?? 3 } as const;
    const parameters = [t.parameter([]), t.parameter([], { low: 0.5, high: 0.8 })];
    const { spikes } = neurons(normalise(t, source(t, { shape, time })), parameters, attrs);
    gradients(t, null, flatten(toFloat(spikes)));
  },
);

/** Layers whose normalisation by running statistics is folded into their weights. */
const folded = each(
  [
    { x: [2, 3, 6, 7], o: 17, bias: true, pool: true, rectify: true, spikes: false },
    { x: [1, 17, 5, 5], o: 32, bias: false, pool: false, rectify: true, spikes: false },
    { x: [2, 20, 4, 4], o: 5, bias: true, pool: false, rectify: false, spikes: true },
    { x: [1, 5, 1, 1], o: 3, bias: false, pool: false, rectify: false, spikes: false },
  ],
  (t, { x, o, bias, spikes, ...form }) => {
    const image = spikes ? t.spikes(x, 3) : t.f32(x);
    const shift = (n: number) => (bias ? t.parameter([n]) : null);
    const y = convolve(image, t.parameter([o, x[1], 3, 3]), shift(o), { padding: 1 });
    const features = flatten(block(t, y, { ...form, training: false }));
    t.outputs(normalise(t, linear(features, t.parameter([7, features.shape[1]]), shift(7)), false));
  },
);

export const normCases: Record<string, Case[]> = {
  'normalisation with what follows': plain,
  'normalisation by scales near zero': flat,
  'normalisation with a residual': residual,
  'normalisation with channel attention': attended,
  'channel attention': attention,
  'spatial attention': spatial,
  'channel and spatial attention': cbam,
  'normalised network': network,
  'normalisation before neurons': firing,
  'normalisation whose parameters alone learn': scalesOnly,
  'neurons beside a shortcut': bypassed,
  'neurons whose spikes are weighed': weighed,
  'folded normalisation': folded,
};
