/** Maps held against numbers made by hand. */
import { describe, expect, it } from 'vitest';
import { type HeatMap, mapAt, NORMALIZATIONS, rectified, resizeBilinear, sumOfMaps } from './heat-map.ts';

const map = (height: number, width: number, ...values: number[]): HeatMap => ({
  height,
  width,
  values: Float32Array.from(values),
});
const numbers = ({ values }: HeatMap) => [...values];

describe('resizeBilinear()', () => {
  it('interpolates between centres and holds the edges', () => {
    const large = resizeBilinear(map(2, 2, 0, 1, 2, 3), 4, 4);
    expect([large.height, large.width]).toEqual([4, 4]);
    const row = [0, 0.25, 0.75, 1];
    expect(numbers(large)).toEqual([0, 0.5, 1.5, 2].flatMap((start) => row.map((x) => start + x)));
  });

  it('knows rows from columns, and odd factors', () => {
    const large = resizeBilinear(map(1, 2, 0, 3), 2, 6);
    const row = [0, 0, 1, 2, 3, 3];
    for (const [i, x] of [...row, ...row].entries()) {
      const place = i % 6;
      // Centres of six pixels lie at (i + ½)/3 − ½ of two.
      const exact = 3 * Math.min(Math.max((place + 0.5) / 3 - 0.5, 0), 1);
      expect(large.values[i]).toBeCloseTo(exact, 6);
      expect(Math.abs(large.values[i] - x)).toBeLessThanOrEqual(0.5);
    }
  });
});

describe('normalisation', () => {
  const signed = map(2, 2, -1, 2, 1, 4);

  it('by the maximum keeps 0 where it is', () => {
    expect(numbers(NORMALIZATIONS.max(signed))).toEqual([-0.25, 0.5, 0.25, 1]);
    expect(numbers(NORMALIZATIONS.max(map(1, 2, -2, -1)))).toEqual([0, 0]);
  });

  it('by minimum and maximum fills [0, 1]', () => {
    expect(numbers(NORMALIZATIONS['min-max'](map(1, 3, -1, 0, 3)))).toEqual([0, 0.25, 1]);
    expect(numbers(NORMALIZATIONS['min-max'](map(1, 2, 7, 7)))).toEqual([0, 0]);
  });

  it('by columns makes every column reach 1, as paper (d) does', () => {
    expect(numbers(NORMALIZATIONS.columns(map(2, 2, 1, 2, 4, 8)))).toEqual([0.25, 0.25, 1, 1]);
  });
});

it('maps are taken from a batch, added and rectified', () => {
  const [a, b] = [0, 1].map((i) => mapAt([1, -2, 3, -4], i, 1, 2));
  expect(numbers(b)).toEqual([3, -4]);
  expect(numbers(sumOfMaps([a, b]))).toEqual([4, -6]);
  expect(numbers(rectified(b))).toEqual([3, 0]);
});
