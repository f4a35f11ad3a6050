/** Label quality and likely label errors against cleanlab: label-golden.json was made by label-golden.py (cleanlab 2.9.0). */

import { describe, expect, it, test } from 'vitest';
import { calibratedJoint, classThresholds, confidentJoint, findLabelIssues } from './confident-learning.ts';
import { goldenDraw } from './golden-draw.ts';
import golden from './label-golden.json' with { type: 'json' };
import { labelQuality } from './label-quality.ts';
import type { Predictions } from './predictions.ts';

type Case = (typeof golden.cases)[number]['case'];

/** The same numbers as `case` in label-golden.py. */
function predictionsOf({ seed, count, size, bonus, wrong }: Case): Predictions {
  const draw = goldenDraw(seed);
  const labels = new Int32Array(count);
  const scores = new Float64Array(count * size);
  for (let i = 0; i < count; i++) {
    const truth = draw(size);
    const row = Array.from({ length: size }, () => 1 + draw(100003));
    row[truth] += bonus * (1 + draw(100003));
    // In the order in which Python evaluates its conditional expression.
    labels[i] = draw(100) < wrong ? draw(size) : truth;
    const total = row.reduce((sum, value) => sum + value, 0);
    row.forEach((value, k) => {
      scores[i * size + k] = value / total;
    });
  }
  return named(labels, scores, size);
}

function named(labels: Int32Array, scores: Float64Array, size: number): Predictions {
  return {
    ...{ labels, scores },
    classes: Array.from({ length: size }, (_, k) => `class ${k}`),
    names: Array.from(labels, (_, i) => `image ${i}`),
  };
}

const flagged = (mask: Uint8Array) => [...mask.keys()].filter((i) => mask[i]);

describe.each(golden.cases)('as cleanlab: $case', ({ case: arguments_, figures }) => {
  const predictions = predictionsOf(arguments_);

  test('scores', () => {
    const quality = labelQuality(predictions);
    for (const [name, ours] of [
      ['self_confidence', quality.selfConfidence],
      ['normalized_margin', quality.normalizedMargin],
      ['confidence_weighted_entropy', quality.confidenceWeightedEntropy],
    ] as const) {
      figures.first[name].forEach((value, i) => {
        expect(ours[i], name).toBeCloseTo(value, 12);
      });
      expect(
        ours.reduce((sum, value) => sum + value, 0),
        name,
      ).toBeCloseTo(figures.sums[name], 9);
    }
  });

  test('confident joint, as counted and calibrated', () => {
    expect(confidentJoint(predictions)).toEqual(figures.joint);
    const calibrated = calibratedJoint(predictions);
    const total = (row: readonly number[]) => row.reduce((sum, count) => sum + count, 0);
    calibrated.forEach((row, i) => {
      expect(total(row)).toBe(total(figures.calibrated[i]));
      // Of cells that are equal either may be rounded up.
      row.forEach((count, j) => {
        expect(Math.abs(count - figures.calibrated[i][j]), `${i}, ${j}`).toBeLessThanOrEqual(1);
      });
    });
  });

  test('likely label errors by all three rules', () => {
    const { byNoiseRate, byClass, both } = findLabelIssues(predictions);
    expect(flagged(byNoiseRate)).toEqual(figures.issues.prune_by_noise_rate);
    expect(flagged(byClass)).toEqual(figures.issues.prune_by_class);
    expect(flagged(both)).toEqual(figures.issues.both);
  });
});

/** By hand: two classes, the third image of class 0 looks like class 1. */
const small = named(
  Int32Array.of(0, 0, 0, 1, 1),
  Float64Array.of(0.9, 0.1, 0.8, 0.2, 0.1, 0.9, 0.2, 0.8, 0.3, 0.7),
  2,
);

it('finds the one wrong label of a case small enough to do by hand', () => {
  expect([...classThresholds(small)]).toEqual([expect.closeTo(0.6, 12), expect.closeTo(0.75, 12)]);
  expect(confidentJoint(small)).toEqual([
    [2, 1],
    [0, 1],
  ]);
  expect(calibratedJoint(small)).toEqual([
    [2, 1],
    [0, 2],
  ]);
  const { byNoiseRate, byClass, both } = findLabelIssues(small);
  for (const mask of [byNoiseRate, byClass, both]) expect(flagged(mask)).toEqual([2]);
});

it('knows a class that no image has, and one with one image', () => {
  const scores = Float64Array.of(0.9, 0.1, 0, 0.8, 0.2, 0, 0.7, 0.2, 0.1);
  const absent = named(Int32Array.of(0, 0, 1), scores, 3);
  expect(classThresholds(absent)[2]).toBe(Number.POSITIVE_INFINITY);
  const { joint, byNoiseRate } = findLabelIssues(absent);
  expect(joint[2]).toEqual([0, 0, 0]);
  expect(flagged(byNoiseRate)).toEqual([]);
});

it('gives finite scores where probabilities are 0 and 1', () => {
  const sure = named(Int32Array.of(0, 1), Float64Array.of(1, 0, 1, 0), 2);
  const { selfConfidence, normalizedMargin, confidenceWeightedEntropy } = labelQuality(sure);
  expect([...selfConfidence]).toEqual([1, 0]);
  expect([...normalizedMargin]).toEqual([1, 0]);
  expect(confidenceWeightedEntropy.every((value) => value > 0 && value <= 1)).toBe(true);
});
