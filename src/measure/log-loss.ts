/**
 * Log loss: mean of −ln p(true class) over the images, in nats. Probabilities are clipped from below at
 * 2⁻⁵², the machine epsilon that scikit-learn clips double precision at, so that a class which was ruled out
 * costs much (36 nats) but not infinity.
 */
import type { Predictions } from './predictions.ts';

const SMALLEST = 2 ** -52;

/** −ln p(true class) of each image, length N: 0 for certainty about the truth, ln K for a uniform guess. */
export function imageLosses({ labels, scores, classes }: Predictions): Float64Array {
  return Float64Array.from(labels, (label, i) => {
    return -Math.log(Math.min(1, Math.max(SMALLEST, scores[i * classes.length + label])));
  });
}
