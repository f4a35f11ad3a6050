/**
 * Spike-count maps of paper (b), equations 17 and 18: without a gradient and without a class,
 *
 *   heat = Σ_t U(t),   U(t) = 1 − S(t),   brought to [0, 1] by minimum and maximum
 *
 * where S are the spikes of the last spiking attention, which suppress what is not salient: heat is how often a place
 * was let through. The paper does not say what becomes of the channels; here their mean is taken.
 *
 * A network without such an attention, or with a layer that was asked for, shows how often that layer's neurons fired.
 */
import { affine } from '../ops/elementwise.ts';
import { reduceMean } from '../ops/reduce.ts';
import { suppressOp } from '../ops/suppress.ts';
import type { Observed } from '../train/observation.ts';
import { mapAt, sumOfMaps } from './heat-map.ts';
import { findSpikingLayer, type Layer } from './layer.ts';
import type { ExplainMethod, Explanation } from './method.ts';
import { lookInto } from './network.ts';

const BATCH = 16;

interface Counted extends Layer {
  /** Whether a spike suppresses. */
  readonly inverted: boolean;
}

export const spikeCount: ExplainMethod = {
  title: 'Spike count',
  what: 'how often a place was let through by the last spiking attention, or fired in a layer',
  source: 'paper (b), equations 17 and 18',
  score: null,
  ofSpikes: true,
  normalize: 'min-max',
  async open(network, { layer: wanted }) {
    let counted: Counted | undefined;
    const window = await lookInto(
      network,
      (observed) => {
        counted = countedLayer(observed, wanted);
        const shares = reduceMean(counted.value, { axes: [1] });
        return { heat: counted.inverted ? affine(shares, -1, 1) : shares };
      },
      BATCH,
    );
    if (!counted) throw new Error('the observer was not called');
    const { name, value } = counted;
    const [, , height, width] = value.shape;
    return {
      layer: name,
      async explain(images) {
        const explanations: Explanation[] = [];
        await window.show(images, {}, ({ rows, batch, read }) => {
          const heat = read('heat');
          for (let row = 0; row < rows; row++) {
            const steps = Array.from({ length: value.time ?? 1 }, (_, t) =>
              mapAt(heat, t * batch + row, height, width),
            );
            explanations.push({ map: sumOfMaps(steps), steps });
          }
        });
        return explanations;
      },
    };
  },
};

/** The last mask of a spiking attention, unless a layer is wanted or there is none. */
function countedLayer(observed: Observed, wanted: string | undefined): Counted {
  const { graph, spikes } = observed.net;
  const masks = new Set(graph.nodes.flatMap(({ op, inputs }) => (op === suppressOp ? [inputs[1]] : [])));
  const lastMask = [...spikes].findLast(([, value]) => masks.has(value));
  const layer = findSpikingLayer(observed, wanted ?? lastMask?.[0]);
  return { ...layer, inverted: masks.has(layer.value) };
}
