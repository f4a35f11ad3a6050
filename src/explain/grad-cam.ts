/**
 * Grad-CAM (Selvaraju et al., ICCV 2017, equations 1 and 2) at any layer with maps:
 *
 *   α_c = mean over places of ∂score/∂A_c,   L = ReLU(Σ_c α_c A_c)
 *
 * Of a layer with time, each step has maps A(t) and weights α(t) of its own, by the gradient through time and the
 * surrogates; L is the ReLU of the sum over the steps, and a step's map that of its term.
 */
import { differentiate } from '../compile/differentiate.ts';
import { EXIT, SomaError } from '../errors.ts';
import { mul } from '../ops/elementwise.ts';
import { reduceMean, reduceSum } from '../ops/reduce.ts';
import type { Observer } from '../train/observation.ts';
import { mapAt, rectified, sumOfMaps } from './heat-map.ts';
import { activated, findMapLayer, type Layer } from './layer.ts';
import type { ExplainMethod, Explanation } from './method.ts';
import { lookInto, type Seen } from './network.ts';
import { scoreFeeds, tracedScore } from './score.ts';

const SCORE = 'logit';

/** Images at once: backwards through time needs much memory for each. */
const BATCH = 8;

export const gradCam: ExplainMethod = {
  title: 'Grad-CAM',
  what: 'where the maps of a layer speak for the class, weighed by the gradient of its score',
  source: 'Selvaraju et al., ICCV 2017',
  score: SCORE,
  ofSpikes: false,
  normalize: 'max',
  async open(network, { layer: wanted, score = SCORE, relu, activated: behind }) {
    let layer: Layer | undefined;
    const observer: Observer = (observed) => {
      const named = findMapLayer(observed, wanted, behind);
      const found = behind ? activated(named) : named;
      layer = found;
      const maps = found.value;
      const gradient = differentiate(tracedScore(score, observed.logits), [maps]).get(maps);
      if (!gradient)
        throw new SomaError(
          `--layer: expected a layer that a gradient of the score reaches, got ${found.name}; choose a later one`,
          EXIT.usage,
        );
      const weights = reduceMean(gradient, { axes: [2, 3], keepDims: true });
      return { cam: reduceSum(mul(weights, maps), { axes: [1] }) };
    };
    const window = await lookInto(network, observer, BATCH);
    if (!layer) throw new Error('the observer was not called');
    const { name, value } = layer;
    const { classes } = network.spec;
    return {
      layer: name,
      async explain(images, wantedClasses) {
        const explanations: Explanation[] = [];
        await window.show(images, scoreFeeds(wantedClasses, classes), (seen) => {
          explanations.push(...explanationsOf(seen, value.shape, value.time, relu));
        });
        return explanations;
      },
    };
  },
};

/** From [T][N, H, W], or [N, H, W] without time. */
function explanationsOf(
  seen: Seen,
  [, , height, width]: readonly number[],
  time: number | null,
  relu: boolean,
): Explanation[] {
  const cam = seen.read('cam');
  const kept = relu ? rectified : (map: Explanation['map']) => map;
  return Array.from({ length: seen.rows }, (_, row) => {
    const terms = Array.from({ length: time ?? 1 }, (_, t) =>
      mapAt(cam, t * seen.batch + row, height, width),
    );
    return { map: kept(sumOfMaps(terms)), steps: time === null ? [] : terms.map(kept) };
  });
}
