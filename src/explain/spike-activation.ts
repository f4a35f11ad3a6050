/**
 * Spike activation maps (SAM; Kim & Panda, "Visual explanations from spiking neural networks using inter-spike
 * intervals", Scientific Reports 11, 2021): short intervals between the spikes of a neuron count, and neither a gradient
 * nor a class is needed. A neuron that fires at t scores by its earlier spikes,
 *
 *   N(t) = Σ over its spikes t' < t of e^(−γ(t − t')),   M(t) = Σ over channels of S(t)·N(t),
 *
 * so that the first step has no heat. The map over all steps is the sum of M(t).
 */
import { EXIT, SomaError } from '../errors.ts';
import { type HeatMap, sumOfMaps } from './heat-map.ts';
import { findSpikingLayer, type Layer } from './layer.ts';
import type { ExplainMethod, Explanation } from './method.ts';
import { lookInto } from './network.ts';

const BATCH = 8;

/**
 * Maps of each step.
 * @param spikes of a step t, channel c and pixel i of `height × width`: whether the neuron fired
 */
export function spikeActivation(
  spikes: (t: number, c: number, i: number) => boolean,
  { steps, channels, height, width }: { steps: number; channels: number; height: number; width: number },
  gamma: number,
): HeatMap[] {
  const decay = Math.exp(-gamma);
  const area = height * width;
  const maps = Array.from({ length: steps }, () => ({ height, width, values: new Float32Array(area) }));
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < area; i++) {
      let score = 0;
      for (let t = 0; t < steps; t++) {
        const fires = spikes(t, c, i);
        if (fires) maps[t].values[i] += score;
        score = decay * (score + Number(fires));
      }
    }
  return maps;
}

export const spikeActivationMap: ExplainMethod = {
  title: 'Spike activation',
  what: 'where neurons of a layer fire in quick succession',
  source: 'Kim & Panda, Sci. Rep. 2021',
  score: null,
  ofSpikes: true,
  normalize: 'min-max',
  async open(network, { layer: wanted, gamma }) {
    if (!(gamma > 0)) throw new SomaError(`--gamma: expected a number above 0, got ${gamma}`, EXIT.usage);
    let layer: Layer | undefined;
    const window = await lookInto(
      network,
      (observed) => {
        layer = findSpikingLayer(observed, wanted);
        return { spikes: layer.value };
      },
      BATCH,
    );
    if (!layer) throw new Error('the observer was not called');
    const { name, value } = layer;
    const [, channels, height, width] = value.shape;
    const shape = { steps: value.time ?? 1, channels, height, width };
    const area = height * width;
    return {
      layer: name,
      async explain(images) {
        const explanations: Explanation[] = [];
        await window.show(images, {}, ({ rows, batch, read }) => {
          const spikes = read('spikes');
          for (let row = 0; row < rows; row++) {
            const fired = (t: number, c: number, i: number) =>
              spikes[((t * batch + row) * channels + c) * area + i] !== 0;
            const steps = spikeActivation(fired, shape, gamma);
            explanations.push({ map: sumOfMaps(steps), steps });
          }
        });
        return explanations;
      },
    };
  },
};
