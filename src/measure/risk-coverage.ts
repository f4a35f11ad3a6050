/**
 * Risk against coverage: if only the images that the system is surest of are answered, and the rest is handed to a
 * person, what share of the answers is wrong? The area under the curve is the mean of that risk over all
 * coverages (AURC; Geifman, Uziel & El-Yaniv, ICLR 2019): 0 if no answer is wrong; the share of errors if the
 * probability says nothing about being right. Images that tie are answered together or not at all.
 */
import type { Answers } from './calibration.ts';

export interface RiskCoverage {
  /** Share of images that are answered, rising to 1. */
  readonly coverage: Float64Array;
  /** Share of wrong answers among them. */
  readonly risk: Float64Array;
  /** An image is answered if the probability of its named class is at least this. */
  readonly thresholds: Float64Array;
}

/** Image indices, surest first; found once and then reused for every resample. */
export function rankByConfidence({ confidence }: Answers): Int32Array {
  return Int32Array.from(confidence.keys()).sort((a, b) => confidence[b] - confidence[a] || a - b);
}

export function riskCoverage(answers: Answers): RiskCoverage {
  const coverage: number[] = [];
  const risk: number[] = [];
  const thresholds: number[] = [];
  walk(answers, rankByConfidence(answers), undefined, ({ answered, wrong, threshold }) => {
    coverage.push(answered / answers.right.length);
    risk.push(wrong / answered);
    thresholds.push(threshold);
  });
  return {
    coverage: Float64Array.from(coverage),
    risk: Float64Array.from(risk),
    thresholds: Float64Array.from(thresholds),
  };
}

/**
 * Area under the curve, in [0, 1].
 * @param order images, surest first
 * @param weights how often each image counts, at least one of them once; once each if left out
 */
export function areaUnderRiskCoverage(answers: Answers, order: Int32Array, weights?: Int32Array): number {
  let area = 0;
  let images = 0;
  walk(answers, order, weights, ({ added, answered, wrong }) => {
    area += (added * wrong) / answered;
    images = answered;
  });
  return area / images;
}

interface Point {
  /** Images of this threshold. */
  readonly added: number;
  /** Images of this and all higher thresholds, and those of them that are wrong. */
  readonly answered: number;
  readonly wrong: number;
  readonly threshold: number;
}

/** Visits the thresholds at which an image is answered that was not before, highest first. */
function walk(
  { confidence, right }: Answers,
  order: Int32Array,
  weights: Int32Array | undefined,
  visit: (point: Point) => void,
): void {
  let added = 0;
  let answered = 0;
  let wrong = 0;
  order.forEach((image, place) => {
    const weight = weights ? weights[image] : 1;
    added += weight;
    wrong += weight * (1 - right[image]);
    const threshold = confidence[image];
    if (place + 1 < order.length && confidence[order[place + 1]] === threshold) return;
    answered += added;
    if (added > 0) visit({ added, answered, wrong, threshold });
    added = 0;
  });
}
