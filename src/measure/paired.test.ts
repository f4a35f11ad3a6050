import { expect, test } from 'vitest';
import { holm, mcnemar } from './mcnemar.ts';
import { comparePaired, type PairedComparison, verdict, verdictSentence } from './paired.ts';
import type { Predictions } from './predictions.ts';

/** Two-class predictions over images of class 0, right where `right` says so. */
function rightWhere(right: (i: number) => boolean, count: number): Predictions {
  return {
    classes: ['cell', 'debris'],
    labels: new Int32Array(count),
    scores: Float32Array.from({ length: 2 * count }, (_, j) => Number(right(j >> 1) === (j % 2 === 0))),
    names: Array.from({ length: count }, (_, i) => `test/${i}`),
  };
}

test('exact and mid-p McNemar by hand', () => {
  // n = 4, fewer = 1: P(X ≤ 1) = 5/16, P(X = 1) = 4/16.
  expect(mcnemar(3, 1).exact).toBeCloseTo(10 / 16, 14);
  expect(mcnemar(1, 3).midP).toBeCloseTo((2 * 1 + 4) / 16, 14);
  expect(mcnemar(0, 0)).toEqual({ exact: 1, midP: 1 });
  expect(mcnemar(3, 3).midP).toBeCloseTo(1, 14);
});

test('Holm by hand', () => {
  expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
  expect(holm([0.5, 0.9])).toEqual([1, 1]);
  expect(holm([])).toEqual([]);
});

test('the table of a pair, and a difference beyond the noise', () => {
  const first = rightWhere((i) => i % 10 !== 0, 400); // wrong on 40
  const second = rightWhere((i) => i % 4 !== 0, 400); // wrong on 100, 20 of them shared
  const pair = comparePaired(first, second, { seed: 1 });
  expect([pair.bothRight, pair.onlyFirst, pair.onlySecond, pair.bothWrong]).toEqual([280, 80, 20, 20]);
  expect(pair.difference.value).toBeCloseTo(0.15, 12);
  // Standard error of a paired difference: √((n10 + n01) − (n10 − n01)²/N) / N.
  const error = Math.sqrt(100 - 60 ** 2 / 400) / 400;
  expect(pair.difference.low).toBeCloseTo(0.15 - 1.96 * error, 2);
  expect(pair.difference.high).toBeCloseTo(0.15 + 1.96 * error, 2);
  expect(verdict(pair)).toBe('difference');
  expect(verdictSentence(pair, 'A', 'B')).toMatch(
    /^A is right more often than B, beyond the noise: 15\.00 points .* p\s<\s0\.001\.$/,
  );
  const reversed = comparePaired(second, first, { seed: 1 });
  expect(verdictSentence(reversed, 'B', 'A')).toMatch(/^A is right more often than B, .*: 15\.00 points/);
});

test('equal runs differ by nothing', () => {
  const run = rightWhere((i) => i % 3 !== 0, 90);
  const pair = comparePaired(run, run);
  expect(pair.difference).toEqual({ value: 0, low: 0, high: 0 });
  expect(pair.mcnemar.exact).toBe(1);
  expect(verdict(pair)).toBe('noise');
  expect(verdictSentence(pair, 'A', 'B')).toMatch(/inside the noise: 0\.00 points .* p\s=\s1\.000/);
});

test('where test and interval disagree, nothing is claimed', () => {
  const pair = {
    difference: { value: 0.01, low: 0.001, high: 0.02 },
    mcnemar: { midP: 0.03 },
  } as PairedComparison;
  expect(verdict(pair)).toBe('difference');
  expect(verdict(pair, 0.09)).toBe('unclear');
  expect(verdictSentence(pair, 'A', 'B', 0.09)).toMatch(/edge of the noise.* p\s=\s0\.090/);
});

test('other images, labels or classes are refused, the first differing image named', () => {
  const run = rightWhere(() => true, 5);
  const changed = (change: Partial<Predictions>) => () => comparePaired(run, { ...run, ...change });
  const names = ['test/0', 'test/1', 'test/7', 'test/3', 'test/9'];
  expect(changed({ names })).toThrow(/test\/2 in row 3, got test\/7/);
  expect(changed({ labels: Int32Array.of(0, 0, 0, 1, 1) })).toThrow(/image test\/3, cell, got debris/);
  expect(changed({ classes: ['cell', 'dust'] })).toThrow(/same classes cell, debris, got cell, dust/);
  expect(() =>
    comparePaired(
      run,
      rightWhere(() => true, 4),
    ),
  ).toThrow(/5 and 4, test\/4 in one only/);
});
