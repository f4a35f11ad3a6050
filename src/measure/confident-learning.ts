/**
 * Confident learning: which labels are probably wrong, from out-of-sample probabilities alone.
 * Northcutt, Jiang & Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 70 (2021).
 *
 * An image counts as a confident member of class j if its probability of j reaches the mean of those that are labelled j.
 * Where confident members of j are labelled i stands in the confident joint, which says how many labels of each class are
 * wrong; the images are then those that agree least.
 */
import { largestRemainder } from '../data/split.ts';
import { type Predictions, predictedClasses } from './predictions.ts';

/**
 * Mean probability of its own class over the images labelled with it (equation 2), length K; Infinity for a class that
 * no image is labelled with, so that none is confident of it.
 */
export function classThresholds({ labels, scores, classes }: Predictions): Float64Array {
  const size = classes.length;
  const sums = new Float64Array(size);
  const counts = new Float64Array(size);
  labels.forEach((label, i) => {
    sums[label] += scores[i * size + label];
    counts[label]++;
  });
  return sums.map((sum, k) => (counts[k] > 0 ? sum / counts[k] : Number.POSITIVE_INFINITY));
}

/** Rounding of single precision must not decide whether a threshold is reached. */
const ROUNDING = 1e-6;

/**
 * The confident joint (equation 1): `[i][j]` images are labelled i and confident members of j. Of several classes whose
 * threshold is reached the most probable one counts.
 */
export function confidentJoint(predictions: Predictions): number[][] {
  const { labels, scores, classes } = predictions;
  const size = classes.length;
  const thresholds = classThresholds(predictions);
  const joint = classes.map(() => new Array<number>(size).fill(0));
  labels.forEach((label, i) => {
    let member = -1;
    for (let k = 0; k < size; k++) {
      const p = scores[i * size + k];
      if (p >= thresholds[k] - ROUNDING && (member < 0 || p > scores[i * size + member])) member = k;
    }
    if (member >= 0) joint[label][member]++;
  });
  return joint;
}

/**
 * The joint scaled to the images that there are (equation 3, times N): row i adds up to the images labelled i, in whole
 * images, rounded by largest remainder. A class without confident members has all of its images on the diagonal.
 */
export function calibratedJoint(predictions: Predictions): number[][] {
  const counts = new Array<number>(predictions.classes.length).fill(0);
  for (const label of predictions.labels) counts[label]++;
  return confidentJoint(predictions).map((row, i) => {
    const shares = row.map((count, j) => (i === j ? Math.max(1, count) : count));
    return largestRemainder(counts[i], shares);
  });
}

export interface LabelIssues {
  /** Images labelled i of which j is the true class, estimated; row sums are the images of each label. */
  readonly joint: readonly (readonly number[])[];
  /** Images of each pair of classes with the largest margin p(j) − p(i), as many as the joint says. Length N, 0 or 1. */
  readonly byNoiseRate: Uint8Array;
  /** Images of each class with the smallest probability of their label, as many as the joint says. */
  readonly byClass: Uint8Array;
  /** In both. */
  readonly both: Uint8Array;
}

/**
 * Likely label errors by the rules of section 4.2 of the paper. An image whose label is the prediction is none, and each
 * label keeps one image.
 * @param predictions out of sample: of networks that did not learn from these images
 */
export function findLabelIssues(predictions: Predictions): LabelIssues {
  const { labels, classes, scores } = predictions;
  const size = classes.length;
  const joint = calibratedJoint(predictions);
  const byNoiseRate = new Uint8Array(labels.length);
  const byClass = new Uint8Array(labels.length);
  const score = (i: number, k: number) => scores[i * size + k];
  const members = classes.map((): number[] => []);
  labels.forEach((label, i) => {
    members[label].push(i);
  });
  for (const [k, images] of members.entries()) {
    if (images.length <= 1) continue;
    const wrong = images.length - joint[k][k];
    const least = images.toSorted((a, b) => score(a, k) - score(b, k));
    for (const i of least.slice(0, wrong)) byClass[i] = 1;
    for (const [j, count] of joint[k].entries()) {
      if (j === k || count === 0) continue;
      const margin = (i: number) => score(i, j) - score(i, k);
      for (const i of images.toSorted((a, b) => margin(b) - margin(a)).slice(0, count)) byNoiseRate[i] = 1;
    }
  }
  predictedClasses(predictions).forEach((predicted, i) => {
    if (predicted !== labels[i] && score(i, predicted) > score(i, labels[i])) return;
    byNoiseRate[i] = 0;
    byClass[i] = 0;
  });
  return { joint, byNoiseRate, byClass, both: byClass.map((flag, i) => flag & byNoiseRate[i]) };
}
