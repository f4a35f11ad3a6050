import { expect, test } from 'vitest';
import { random } from '../random.ts';
import { bootstrap, quantile } from './bootstrap.ts';
import { classificationFigures } from './classification.ts';
import { confusionMatrix } from './confusion.ts';

/** Smallest x with P(X ≤ x) ≥ share for X ~ Binomial(n, p). */
function binomialQuantile(n: number, p: number, share: number): number {
  let logMass = n * Math.log1p(-p);
  let sum = Math.exp(logMass);
  let x = 0;
  for (; sum < share && x < n; x++) {
    logMass += Math.log(n - x) - Math.log(x + 1) + Math.log(p) - Math.log1p(-p);
    sum += Math.exp(logMass);
  }
  return x;
}

const share = (right: Uint8Array) => (weights: Int32Array, out: Float64Array) => {
  let sum = 0;
  for (let i = 0; i < right.length; i++) sum += weights[i] * right[i];
  out[0] = sum / right.length;
};

test('the interval of an accuracy is that of the binomial distribution it resamples', () => {
  for (const [count, hits] of [
    [400, 360],
    [100, 50],
    [250, 245],
  ]) {
    const right = new Uint8Array(count).fill(1, 0, hits);
    const [estimate] = bootstrap(count, 1, share(right), { resamples: 20_000, seed: 3 });
    expect(estimate?.value).toBe(hits / count);
    // Percentiles of 20,000 draws are within one image of the true ones.
    const low = binomialQuantile(count, hits / count, 0.025);
    const high = binomialQuantile(count, hits / count, 0.975);
    expect(Math.abs((estimate?.low ?? 0) * count - low)).toBeLessThanOrEqual(1);
    expect(Math.abs((estimate?.high ?? 0) * count - high)).toBeLessThanOrEqual(1);
  }
});

test('an interval covers the truth about as often as it says', () => {
  const generator = random(5, 'coverage');
  let covered = 0;
  for (let trial = 0; trial < 200; trial++) {
    const right = Uint8Array.from({ length: 200 }, () => Number(generator.uniform() < 0.8));
    const [estimate] = bootstrap(200, 1, share(right), { resamples: 400, seed: trial });
    if (estimate && estimate.low <= 0.8 && 0.8 <= estimate.high) covered++;
  }
  expect(covered).toBeGreaterThan(180);
  expect(covered).toBeLessThan(200);
});

test('the same seed gives the same interval, another seed another', () => {
  const right = Uint8Array.from({ length: 333 }, (_, i) => Number(i % 7 !== 0));
  const [first, again, other] = [1, 1, 2].map(
    (seed) => bootstrap(333, 1, share(right), { seed, resamples: 101 })[0],
  );
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
});

test('weights add up to the number of images, and undefined resamples are left out', () => {
  let calls = 0;
  const [undefinedSometimes, neverDefined] = bootstrap(
    5,
    2,
    (weights, out) => {
      calls++;
      expect(weights.reduce((sum, weight) => sum + weight, 0)).toBe(5);
      out[0] = weights[0] === 0 ? Number.NaN : 7;
      out[1] = Number.NaN;
    },
    { resamples: 50 },
  );
  expect(calls).toBe(51);
  expect(undefinedSometimes).toEqual({ value: 7, low: 7, high: 7 });
  expect(neverDefined).toBeNull();
});

test('bad options are refused', () => {
  const statistic = share(new Uint8Array(3));
  expect(() => bootstrap(3, 1, statistic, { resamples: 0 })).toThrow('resamples');
  expect(() => bootstrap(0, 1, statistic)).toThrow('images');
});

test('quantiles interpolate as numpy does', () => {
  const sorted = Float64Array.of(1, 2, 4, 8);
  expect(quantile(sorted, 0)).toBe(1);
  expect(quantile(sorted, 1)).toBe(8);
  expect(quantile(sorted, 0.25)).toBe(1.75);
  expect(quantile(sorted, 0.9)).toBeCloseTo(6.8, 12);
});

test('accuracy and macro F1 over the test set of BloodMNIST are quick', () => {
  const count = 3421;
  const generator = random(6, 'speed');
  const labels = Int32Array.from({ length: count }, () => generator.int(8));
  const predicted = labels.map((label) => (generator.uniform() < 0.9 ? label : generator.int(8)));
  const started = performance.now();
  const [accuracy, macroF1] = bootstrap(count, 2, (weights, out) => {
    const figures = classificationFigures(confusionMatrix(labels, predicted, 8, weights));
    out[0] = figures.accuracy;
    out[1] = figures.macro.f1;
  });
  // Takes about a quarter of a second; the limit leaves room for a busy machine.
  expect(performance.now() - started).toBeLessThan(4000);
  expect(accuracy!.high - accuracy!.low).toBeCloseTo(2 * 1.96 * Math.sqrt((0.0875 * 0.9125) / count), 2);
  expect(macroF1!.low).toBeLessThan(macroF1!.value);
});
