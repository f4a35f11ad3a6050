import { expect, test } from 'vitest';
import { robustness } from './robustness.ts';

const point = (corruption: string, severity: number, right: number, balancedAccuracy: number) => ({
  corruption,
  severity,
  images: 200,
  right,
  balancedAccuracy,
});

test('costs by hand, whatever the order', () => {
  const result = robustness([
    point('noise', 2, 100, 0.4),
    point('none', 0, 180, 0.85),
    point('noise', 1, 160, 0.7),
    point('blur', 1, 190, 0.95),
  ]);
  expect(result.clean.value).toBe(0.9);
  const [noise, blur] = result.corruptions;
  expect(noise.accuracies.map(({ severity, value }) => [severity, value])).toEqual([
    [1, 0.8],
    [2, 0.5],
  ]);
  expect(noise.mean).toBeCloseTo(0.65, 12);
  expect(noise.relativeError).toBeCloseTo(0.25, 12);
  expect(noise.balancedRelativeError).toBeCloseTo(0.3, 12);
  expect(blur.relativeError).toBeCloseTo(-0.05, 12);
  expect(result.relativeError).toBeCloseTo(0.1, 12);
  expect(noise.accuracies[1].low).toBeLessThan(0.5);
  expect(noise.accuracies[1].high).toBeGreaterThan(0.5);
});
