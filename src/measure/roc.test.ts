import { expect, test } from 'vitest';
import { random } from '../random.ts';
import type { Predictions } from './predictions.ts';
import { macroAuc, oneVsRestAuc, rankByClass, rankedAuc, rocCurve } from './roc.ts';

/** Two-class predictions from the score of class 1. */
function binary(positive: number[], labels: number[]): Predictions {
  return {
    classes: ['no', 'yes'],
    labels: Int32Array.from(labels),
    scores: Float64Array.from(positive.flatMap((score) => [1 - score, score])),
    names: labels.map((_, i) => `image ${i}`),
  };
}

/** Mann–Whitney by its definition: every pair of a positive and a negative. */
function pairwiseAuc(score: number[], labels: number[], weights: ArrayLike<number>): number {
  let won = 0;
  let pairs = 0;
  labels.forEach((a, i) => {
    labels.forEach((b, j) => {
      if (a !== 1 || b !== 0) return;
      const weight = weights[i] * weights[j];
      pairs += weight;
      if (score[i] > score[j]) won += weight;
      if (score[i] === score[j]) won += weight / 2;
    });
  });
  return won / pairs;
}

test('AUC counts ties as one half', () => {
  // Pairs: 0.5 > 0.25, 0.5 = 0.5, 0.75 > both.
  const predictions = binary([0.25, 0.5, 0.5, 0.75], [0, 0, 1, 1]);
  expect(rankedAuc(rankByClass(predictions, 1))).toBe(3.5 / 4);
  expect(rankedAuc(rankByClass(binary([0.5, 0.5, 0.5], [0, 1, 1]), 1))).toBe(0.5);
});

test('weighted AUC with ties equals the pairwise definition', () => {
  const generator = random(11, 'auc');
  for (let trial = 0; trial < 20; trial++) {
    const score = Array.from({ length: 40 }, () => generator.int(6) / 8);
    const labels = score.map((value) => Number(generator.uniform() < 0.3 + value / 2));
    const weights = Int32Array.from(score, () => generator.int(4));
    const auc = rankedAuc(rankByClass(binary(score, labels), 1), weights);
    expect(auc).toBeCloseTo(pairwiseAuc(score, labels, weights), 12);
  }
});

test('the trapezoids under the curve add up to the AUC, with and without collinear points', () => {
  const generator = random(12, 'roc');
  const score = Array.from({ length: 200 }, () => generator.int(30) / 32);
  const labels = score.map((value) => Number(generator.uniform() < value));
  const predictions = binary(score, labels);
  const auc = oneVsRestAuc(predictions)[1];
  const lengths = [true, false].map((dropCollinear) => {
    const curve = rocCurve(predictions, 1, { dropCollinear });
    if (!curve) throw new Error('no curve');
    const { fpr, tpr, thresholds } = curve;
    let area = 0;
    for (let i = 1; i < fpr.length; i++) area += ((fpr[i] - fpr[i - 1]) * (tpr[i] + tpr[i - 1])) / 2;
    expect(area).toBeCloseTo(auc ?? Number.NaN, 12);
    expect([fpr[0], tpr[0], fpr.at(-1), tpr.at(-1)]).toEqual([0, 0, 1, 1]);
    expect(thresholds[0]).toBe(Number.POSITIVE_INFINITY);
    return fpr.length;
  });
  expect(lengths[0]).toBeLessThanOrEqual(lengths[1]);
});

test('a perfect ranking needs three points', () => {
  const curve = rocCurve(binary([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], [0, 0, 0, 1, 1, 1]), 1);
  expect([...(curve?.fpr ?? [])]).toEqual([0, 0, 1]);
  expect([...(curve?.tpr ?? [])]).toEqual([0, 1, 1]);
});

test('an absent class has no AUC and does not enter the mean', () => {
  expect(oneVsRestAuc(binary([0.2, 0.9], [0, 0]))).toEqual([null, null]);
  expect(macroAuc([0.8, null, 0.9])).toBeCloseTo(0.85, 12);
  expect(macroAuc([null, null])).toBeNull();
});
