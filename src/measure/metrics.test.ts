/**
 * Figures against scikit-learn and scipy: golden.json was made by golden.py with the versions it names
 * (scikit-learn 1.9.1, scipy 1.17.1).
 */

import { expect, test } from 'vitest';
import golden from './golden.json' with { type: 'json' };
import { goldenDraw } from './golden-draw.ts';
import { mcnemar } from './mcnemar.ts';
import { measure } from './metrics.ts';
import type { Predictions } from './predictions.ts';
import { macroAuc, oneVsRestAuc, rocCurve } from './roc.ts';

interface Case {
  seed: number;
  count: number;
  size: number;
  levels: number;
  bonus: number;
  absent?: number;
  unpredicted?: number;
}

/** The same numbers as `case` in golden.py. */
function predictionsOf({ seed, count, size, levels, bonus, absent, unpredicted }: Case): Predictions {
  const draw = goldenDraw(seed);
  const labels = new Int32Array(count);
  const scores = new Float64Array(count * size);
  for (let i = 0; i < count; i++) {
    let label = draw(size);
    if (label === absent) label = (label + 1) % size;
    const row = Array.from({ length: size }, () => 1 + draw(levels));
    row[label] += bonus;
    if (unpredicted !== undefined) row[unpredicted] = 0;
    labels[i] = label;
    const total = row.reduce((sum, value) => sum + value, 0);
    row.forEach((value, k) => {
      scores[i * size + k] = value / total;
    });
  }
  return {
    labels,
    scores,
    classes: Array.from({ length: size }, (_, k) => `class ${k}`),
    names: Array.from({ length: count }, (_, i) => `image ${i}`),
  };
}

function close(actual: readonly (number | null)[], wanted: readonly (number | null)[]): void {
  expect(actual.length).toBe(wanted.length);
  wanted.forEach((value, i) => {
    if (value === null) expect(actual[i]).toBeNull();
    else expect(actual[i]).toBeCloseTo(value, 12);
  });
}

for (const { case: arguments_, figures } of golden.cases) {
  test(`figures equal scikit-learn's: ${JSON.stringify(arguments_)}`, () => {
    const predictions = predictionsOf(arguments_);
    const metrics = measure(predictions, { resamples: 10 });
    expect(metrics.confusion).toEqual(figures.confusion);
    expect(metrics.accuracy.value).toBeCloseTo(figures.accuracy, 12);
    expect(metrics.logLoss.value).toBeCloseTo(figures.logLoss, 10);
    for (const name of ['brier', 'ece', 'mce', 'aurc'] as const)
      expect(metrics[name].value, name).toBeCloseTo(figures[name], 12);
    const { macro, weighted, perClass } = metrics;
    close([macro.precision.value, macro.recall.value, macro.f1.value], figures.macro);
    close([weighted.precision.value, weighted.recall.value, weighted.f1.value], figures.weighted);
    for (const name of ['precision', 'recall', 'f1'] as const) {
      close(
        perClass.map((each) => each[name]?.value ?? 0),
        figures[name],
      );
    }
    expect(perClass.map((each) => each.support)).toEqual(figures.support);
    // scikit-learn says 0 of a class without images.
    expect(perClass.map((each) => each.recall === null)).toEqual(figures.support.map((n: number) => n === 0));
    expect(perClass.map((each) => each.name)).toEqual(predictions.classes);
    close(oneVsRestAuc(predictions), figures.auc);
    close([macroAuc(oneVsRestAuc(predictions))], [macroAuc(figures.auc)]);
  });

  test(`ROC curves equal scikit-learn's: ${JSON.stringify(arguments_)}`, () => {
    const predictions = predictionsOf(arguments_);
    figures.roc.forEach((wanted, k) => {
      const full = rocCurve(predictions, k, { dropCollinear: false });
      if (!wanted) {
        expect(full).toBeNull();
        return;
      }
      expect(full?.fpr.length).toBe(wanted.points);
      expect(full?.fpr.reduce((sum, value) => sum + value, 0)).toBeCloseTo(wanted.fprSum, 10);
      expect(full?.tpr.reduce((sum, value) => sum + value, 0)).toBeCloseTo(wanted.tprSum, 10);
    });
  });
}

test('McNemar equals scipy', () => {
  for (const { onlyA, onlyB, exact, midP } of golden.mcnemar) {
    const test = mcnemar(onlyA, onlyB);
    expect(test.exact / exact, `${onlyA} against ${onlyB}, exact`).toBeCloseTo(1, 9);
    expect(test.midP / midP, `${onlyA} against ${onlyB}, mid-p`).toBeCloseTo(1, 9);
  }
});
