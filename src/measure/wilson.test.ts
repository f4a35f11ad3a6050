import { expect, test } from 'vitest';
import { wilsonInterval } from './wilson.ts';

test('equals statsmodels: proportion_confint(hits, count, method="wilson")', () => {
  const cases: [number, number, number, number][] = [
    [0, 1, 0, 0.7934506856227626],
    [1, 1, 0.20654931437723745, 1],
    [7, 10, 0.39677814746114537, 0.8922087325936989],
    [3221, 3421, 0.9331692078316877, 0.9489154189528314],
  ];
  for (const [hits, count, low, high] of cases) {
    const interval = wilsonInterval(hits, count);
    expect(interval.low).toBeCloseTo(low, 12);
    expect(interval.high).toBeCloseTo(high, 12);
  }
});
