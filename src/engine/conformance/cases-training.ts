/** Cases of the loss, random draws, encodings and parameter updates. */
import { apply } from '../../graph/graph.ts';
import { OPS } from '../../ops/table.ts';
import { each, MAPS, ROWS } from './case.ts';

const LOSSES = [
  { n: 1, k: 2, weighted: false, weighting: 'normalized', labelSmoothing: 0 },
  { n: 7, k: 8, weighted: true, weighting: 'normalized', labelSmoothing: 0.1 },
  { n: 5, k: 17, weighted: true, weighting: 'batch', labelSmoothing: 0 },
] as const;

export const crossEntropyCases = each(LOSSES, (t, { n, k, weighted, weighting, labelSmoothing }) => {
  const inputs = [
    t.f32([n, k], { low: -5, high: 5 }),
    t.labels(n, k),
    weighted ? t.f32([k], { low: 0.1 }) : null,
  ];
  t.outputs(...apply(OPS.crossEntropy, inputs, { weighting, labelSmoothing }));
});

export const crossEntropyGradCases = each(LOSSES, (t, { n, k, weighted, weighting, labelSmoothing }) => {
  const probabilities = t.f32([n, k], { low: 0 });
  const weights = weighted ? t.f32([k], { low: 0.1 }) : null;
  const inputs = [probabilities, t.labels(n, k), weights, t.f32([])];
  t.outputs(...apply(OPS.crossEntropyGrad, inputs, { weighting, labelSmoothing }));
});

const COMPARED = [
  ...MAPS.map(({ shape }) => shape),
  ...ROWS.map(({ shape }) => shape),
  [2, 3, 37, 41],
  [3, 40, 9, 9],
  [2, 3, 4],
];

export const rowErrorsCases = each(COMPARED, (t, shape) => {
  t.outputs(...apply(OPS.rowErrors, [t.f32(shape), t.f32(shape)], {}));
});

export const rowErrorsGradCases = each(
  COMPARED.flatMap((shape) =>
    [
      [true, true],
      [true, false],
      [false, true],
    ].map(([squared, absolute]) => ({ shape, squared, absolute })),
  ),
  (t, { shape, squared, absolute }) => {
    const g = (wanted: boolean) => (wanted ? t.f32([shape[0]]) : null);
    const [x, target] = [t.f32(shape, { grid: 0.5 }), t.f32(shape, { grid: 0.5 })];
    t.outputs(...apply(OPS.rowErrorsGrad, [x, target, g(squared), g(absolute)], {}));
  },
);

const DROPPED = [...MAPS, ...ROWS, { shape: [2, 3, 4], time: 3 }] as const;

export const dropoutCases = each(DROPPED, (t, { shape, time }) => {
  t.outputs(...apply(OPS.dropout, [t.f32(shape, { time }), t.rng()], { rate: 0.4, stream: 3 }));
});

const ENCODED = [...MAPS, ...ROWS].flatMap(({ shape }) => [1, 5].map((steps) => ({ shape, steps })));

export const rateEncodeCases = each(ENCODED, (t, { shape, steps }) => {
  const x = t.f32(shape, { low: -0.1, high: 1.1 });
  t.outputs(...apply(OPS.rateEncode, [x, t.rng()], { steps, stream: 1 }));
});

export const latencyEncodeCases = each(ENCODED, (t, { shape, steps }) => {
  const x = t.f32(shape, { low: 0, high: 1, grid: 0.1 });
  t.outputs(...apply(OPS.latencyEncode, [x], { steps, threshold: 0.1 }));
});

const PARAMETERS = [[1], [3, 5], [17, 3, 3, 3], [10_001]];

export const sgdCases = each(
  PARAMETERS.flatMap((shape) => [
    { shape, momentum: 0, nesterov: false, weightDecay: 0.01 },
    { shape, momentum: 0.9, nesterov: false, weightDecay: 0 },
    { shape, momentum: 0.9, nesterov: true, weightDecay: 0.01 },
  ]),
  (t, { shape, ...attrs }) => {
    const velocity = attrs.momentum ? t.parameter(shape) : null;
    const inputs = [t.parameter(shape), t.f32(shape, { format: 'flat' }), velocity, t.f32([], { low: 0.1 })];
    apply(OPS.sgd, inputs, attrs);
  },
);

export const adamCases = each(
  PARAMETERS.flatMap((shape) =>
    [1, 1000].flatMap((step) =>
      [true, false].map((decoupled) => ({
        ...{ shape, step, decoupled, weightDecay: decoupled ? 0.01 : 0.1 },
        ...(decoupled ? { eps: 1e-8, rawEps: false } : { eps: 1e-4, rawEps: true }),
      })),
    ),
  ),
  (t, { shape, step, ...attrs }) => {
    const small = { low: 0, high: 1e-3 };
    apply(
      OPS.adam,
      [
        ...[t.parameter(shape), t.f32(shape, { format: 'flat' }), t.parameter(shape, small)],
        ...[
          t.parameter(shape, small),
          t.f32([], { low: 0.001, high: 0.1 }),
          t.i32([], () => Int32Array.of(step)),
        ],
      ],
      { beta1: 0.9, beta2: 0.999, ...attrs },
    );
  },
);
