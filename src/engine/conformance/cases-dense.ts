/** Cases of fully connected layers and their gradients. */
import { apply } from '../../graph/graph.ts';
import { linear } from '../../ops/dense.ts';
import { OPS } from '../../ops/table.ts';
import { each, type Tracing } from './case.ts';

const LAYERS = [
  { n: 1, f: 1, o: 1, time: null, spikes: false },
  { n: 3, f: 17, o: 5, time: 3, spikes: false },
  { n: 2, f: 33, o: 16, time: null, spikes: true },
  { n: 4, f: 70, o: 8, time: 3, spikes: true },
  { n: 5, f: 300, o: 33, time: 1, spikes: false },
  { n: 0, f: 20, o: 5, time: null, spikes: false },
  { n: 70, f: 8200, o: 101, time: null, spikes: false }, // long rows, and more of them than are summed at once
  { n: 17, f: 40_000, o: 2, time: null, spikes: false }, // more pieces than groups of them
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
