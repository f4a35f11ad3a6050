/** Cases of neurons over time: every reset with every surrogate. */
import { apply } from '../../graph/graph.ts';
import type { Value } from '../../graph/value.ts';
import { RESETS } from '../../neurons/neuron.ts';
import { arctan, fastSigmoid, rectangle, straightThrough, triangle } from '../../neurons/surrogate.ts';
import { type NeuronAttrs, neurons } from '../../ops/neuron.ts';
import { OPS } from '../../ops/table.ts';
import { each, type Tracing } from './case.ts';

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
