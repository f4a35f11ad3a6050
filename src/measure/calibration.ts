/**
 * Calibration of the answer: is a class that is named with a probability of 0.9 right nine times in ten?
 * Images go into M bins of equal width, ((m − 1)/M, m/M], by the probability of the class that is named; with
 * conf the mean of that probability in a bin and acc the share that is right,
 *
 *   ECE = Σ n_m/N · |acc_m − conf_m|        MCE = max |acc_m − conf_m| over the bins that hold images
 *
 * (Naeini, Cooper & Hauskrecht, AAAI 2015; Guo et al., ICML 2017, eq. 3 and 5). ECE grows with few images and many
 * bins even where the answer is calibrated: it compares systems on the same images, it is no test by itself.
 */
import { mismatch } from '../errors.ts';
import { type Predictions, predictedClasses } from './predictions.ts';

/** As in Guo et al. */
export const CALIBRATION_BINS = 15;

export interface CalibrationBin {
  /** Probabilities above this … */
  readonly above: number;
  /** … up to this. */
  readonly upTo: number;
  readonly images: number;
  /** Mean probability of the named class; null without images. */
  readonly confidence: number | null;
  /** Share of images that are right; null without images. */
  readonly accuracy: number | null;
}

/** What calibration is computed from, found once and then reused for every resample. */
export interface Answers {
  /** Probability of the named class of each image. */
  readonly confidence: Float64Array;
  /** 1 where the named class is the true one, else 0. */
  readonly right: Uint8Array;
}

export function answersOf(predictions: Predictions): Answers {
  const { labels, scores, classes } = predictions;
  const predicted = predictedClasses(predictions);
  return {
    confidence: Float64Array.from(predicted, (k, i) => scores[i * classes.length + k]),
    right: Uint8Array.from(predicted, (k, i) => (k === labels[i] ? 1 : 0)),
  };
}

/** Puts images into bins once; what it returns sums a resample. */
export class Calibration {
  private readonly bin: Int32Array;
  private readonly counts: Float64Array;
  private readonly confidences: Float64Array;
  private readonly hits: Float64Array;

  constructor(
    private readonly answers: Answers,
    private readonly bins = CALIBRATION_BINS,
  ) {
    if (!(Number.isInteger(bins) && bins >= 1))
      throw mismatch('calibration', 'a whole number of bins above 0', bins);
    this.bin = Int32Array.from(answers.confidence, (p) =>
      Math.min(bins - 1, Math.max(0, Math.ceil(p * bins) - 1)),
    );
    this.counts = new Float64Array(bins);
    this.confidences = new Float64Array(bins);
    this.hits = new Float64Array(bins);
  }

  /** ECE and MCE, each in [0, 1], of images that count as often as `weights` says, at least one of them once. */
  errors(weights?: Int32Array): { ece: number; mce: number } {
    this.sum(weights);
    let ece = 0;
    let mce = 0;
    let images = 0;
    this.counts.forEach((count, m) => {
      const gap = Math.abs(this.hits[m] - this.confidences[m]);
      ece += gap;
      images += count;
      if (count > 0) mce = Math.max(mce, gap / count);
    });
    return { ece: ece / images, mce };
  }

  /** The bins of a reliability diagram, lowest probabilities first. */
  table(): CalibrationBin[] {
    this.sum();
    return Array.from(this.counts, (images, m) => ({
      above: m / this.bins,
      upTo: (m + 1) / this.bins,
      images,
      confidence: images > 0 ? this.confidences[m] / images : null,
      accuracy: images > 0 ? this.hits[m] / images : null,
    }));
  }

  private sum(weights?: Int32Array): void {
    const { confidence, right } = this.answers;
    this.counts.fill(0);
    this.confidences.fill(0);
    this.hits.fill(0);
    this.bin.forEach((m, i) => {
      const weight = weights ? weights[i] : 1;
      this.counts[m] += weight;
      this.confidences[m] += weight * confidence[i];
      this.hits[m] += weight * right[i];
    });
  }
}
