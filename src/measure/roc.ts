/**
 * One-vs-rest receiver operating characteristic: the images of one class are the positives, all others the
 * negatives, and the class's probability is the score. Images with equal scores enter the curve together,
 * as one straight segment, so the area under it equals the Mann–Whitney statistic with ties counted ½:
 *
 *   AUC = (#{positive scored above negative} + ½ #{equal}) / (positives · negatives)
 *
 * (Hanley & McNeil, Radiology 143, 1982). A class without positives or without negatives has no AUC: null.
 */
import type { Predictions } from './predictions.ts';

export interface RocCurve {
  /** False positive rate at each threshold, rising from 0 to 1. */
  readonly fpr: Float64Array;
  /** True positive rate at each threshold, rising from 0 to 1. */
  readonly tpr: Float64Array;
  /** An image is called positive if its score is at least this; the first is +∞. */
  readonly thresholds: Float64Array;
}

/** The images in falling order of one class's score; found once and then reused for every resample. */
export interface Ranking {
  /** Image indices, highest score first. */
  readonly order: Int32Array;
  /** Score of each image in that order. */
  readonly scores: Float64Array;
  /** 1 where the image in that place is of the class, else 0. */
  readonly positive: Uint8Array;
}

/** Ranks all images by the probability of class `k`. */
export function rankByClass(predictions: Predictions, k: number): Ranking {
  const { labels, scores, classes } = predictions;
  const count = labels.length;
  const order = Int32Array.from({ length: count }, (_, i) => i);
  order.sort((a, b) => scores[b * classes.length + k] - scores[a * classes.length + k] || a - b);
  const sorted = new Float64Array(count);
  const positive = new Uint8Array(count);
  for (let place = 0; place < count; place++) {
    sorted[place] = scores[order[place] * classes.length + k];
    positive[place] = labels[order[place]] === k ? 1 : 0;
  }
  return { order, scores: sorted, positive };
}

/**
 * The curve of class `k`, or null where the class has no positives or no negatives.
 * @param options.dropCollinear leave out the points inside straight segments (default true): same curve, same area
 */
export function rocCurve(
  predictions: Predictions,
  k: number,
  options: { dropCollinear?: boolean } = {},
): RocCurve | null {
  const { scores, positive } = rankByClass(predictions, k);
  const count = scores.length;
  const falsePositives = [0];
  const truePositives = [0];
  const thresholds = [Number.POSITIVE_INFINITY];
  let hits = 0;
  for (let place = 0; place < count; place++) {
    hits += positive[place];
    if (place + 1 < count && scores[place + 1] === scores[place]) continue;
    if (options.dropCollinear !== false) dropMiddle(place + 1 - hits, hits);
    falsePositives.push(place + 1 - hits);
    truePositives.push(hits);
    thresholds.push(scores[place]);
  }
  const misses = count - hits;
  if (hits === 0 || misses === 0) return null;
  return {
    fpr: Float64Array.from(falsePositives, (value) => value / misses),
    tpr: Float64Array.from(truePositives, (value) => value / hits),
    thresholds: Float64Array.from(thresholds),
  };

  /** Removes the last point if it lies on the line from the one before it to the one that comes. */
  function dropMiddle(nextFalse: number, nextTrue: number): void {
    const last = falsePositives.length - 1;
    if (last < 1) return;
    const dx = falsePositives[last] - falsePositives[last - 1];
    const dy = truePositives[last] - truePositives[last - 1];
    // Counts are integers, so the cross product is exact.
    if (dx * (nextTrue - truePositives[last]) !== dy * (nextFalse - falsePositives[last])) return;
    falsePositives.pop();
    truePositives.pop();
    thresholds.pop();
  }
}

/**
 * Area under the curve of a ranking, in [0, 1], or null without positives or negatives.
 * @param weights how often each image (by its own index, not its place) counts; once each if left out
 */
export function rankedAuc(ranking: Ranking, weights?: Int32Array): number | null {
  const { order, scores, positive } = ranking;
  let above = 0; // positives scored above the present group of ties
  let positives = 0;
  let negatives = 0;
  let won = 0;
  let tied = 0; // positives in the present group
  let tiedNegatives = 0;
  for (let place = 0; place < order.length; place++) {
    const weight = weights ? weights[order[place]] : 1;
    if (positive[place]) {
      tied += weight;
      positives += weight;
    } else {
      tiedNegatives += weight;
      negatives += weight;
    }
    if (place + 1 < order.length && scores[place + 1] === scores[place]) continue;
    won += tiedNegatives * (above + tied / 2);
    above += tied;
    tied = 0;
    tiedNegatives = 0;
  }
  return positives === 0 || negatives === 0 ? null : won / (positives * negatives);
}

/** One-vs-rest AUC of each class; null for a class that is absent (or the only one) among the labels. */
export function oneVsRestAuc(predictions: Predictions): (number | null)[] {
  return predictions.classes.map((_, k) => rankedAuc(rankByClass(predictions, k)));
}

/** Mean of the AUCs that are defined; null if none is. */
export function macroAuc(aucs: readonly (number | null)[]): number | null {
  const defined = aucs.filter((auc) => auc !== null);
  return defined.length === 0 ? null : defined.reduce((sum, auc) => sum + auc, 0) / defined.length;
}
