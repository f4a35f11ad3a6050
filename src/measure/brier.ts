/**
 * Brier score of several classes, as Brier (1950) defined it: Σ_k (p_k − y_k)² with y_k = 1 for the true class, averaged over the
 * images; 0 for certainty about the truth, 2 for certainty about a wrong class. scikit-learn's
 * `brier_score_loss(…, scale_by_half=False)`.
 */
import type { Predictions } from './predictions.ts';

/** Score of each image, length N. */
export function imageBriers({ labels, scores, classes }: Predictions): Float64Array {
  return Float64Array.from(labels, (label, i) => {
    let sum = 0;
    for (let k = 0; k < classes.length; k++)
      sum += (scores[i * classes.length + k] - (k === label ? 1 : 0)) ** 2;
    return sum;
  });
}
