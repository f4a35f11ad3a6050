/**
 * How well labels agree with out-of-sample probabilities: three scores of each image, from 0 (the label is probably wrong)
 * to 1. Definitions of Kuan & Mueller, "Model-agnostic label quality scoring to detect real-world label errors" (2022).
 */
import type { Predictions } from './predictions.ts';

export interface LabelQuality {
  /** Probability of the given label, length N. */
  readonly selfConfidence: Float64Array;
  /** (p(label) − largest other probability + 1) / 2, length N. */
  readonly normalizedMargin: Float64Array;
  /**
   * Entropy over log K, divided by the probability of the label, then brought into (0, 1] by x → log(1 + x) / x: a label
   * that is improbable counts the less the more undecided the network is. Length N.
   */
  readonly confidenceWeightedEntropy: Float64Array;
}

/** Smallest probability and quotient that are divided by. */
const SMALLEST = 1e-6;

export function labelQuality({ labels, scores, classes }: Predictions): LabelQuality {
  const size = classes.length;
  const images = labels.length;
  const selfConfidence = new Float64Array(images);
  const normalizedMargin = new Float64Array(images);
  const confidenceWeightedEntropy = new Float64Array(images);
  for (let i = 0; i < images; i++) {
    let entropy = 0;
    let other = 0;
    for (let k = 0; k < size; k++) {
      const p = scores[i * size + k];
      if (p > 0) entropy -= p * Math.log(p);
      if (k !== labels[i] && p > other) other = p;
    }
    const own = scores[i * size + labels[i]];
    const quotient = Math.max(SMALLEST, entropy / Math.log(size) / Math.max(SMALLEST, own));
    selfConfidence[i] = own;
    normalizedMargin[i] = (own - other + 1) / 2;
    confidenceWeightedEntropy[i] = Math.log1p(quotient) / quotient;
  }
  return { selfConfidence, normalizedMargin, confidenceWeightedEntropy };
}
