import { expect, it } from 'vitest';
import { random } from '../random.ts';
import { findOutliers } from './outliers.ts';

const SIZE = 3;

it('gives the mean distance to the ten nearest others over its median', () => {
  // On a line at 0, 1, …, 20: of the middle one the neighbours are at 1, 1, … 5, 5.
  const line = Float32Array.from({ length: 21 }, (_, i) => i);
  const { distances } = findOutliers(line, 1);
  const exact = Array.from(line, (x) => {
    const others = Array.from(line, (y) => Math.abs(x - y)).sort((a, b) => a - b);
    return others.slice(1, 11).reduce((sum, d) => sum + d, 0) / 10;
  });
  const median = exact.toSorted((a, b) => a - b)[10];
  distances.forEach((distance, i) => {
    expect(distance).toBeCloseTo(exact[i] / median, 6);
  });
});

it('finds what lies far away, and nothing where nothing does', () => {
  const draw = random(1, 'outliers test');
  const values = Float32Array.from({ length: 600 * SIZE }, () => draw.uniform());
  const beyond = () => {
    const { distances, fence } = findOutliers(values, SIZE);
    return [...distances.keys()].filter((i) => distances[i] > fence);
  };
  expect(beyond()).toEqual([]);
  values.set([4, 4, 4], 17 * SIZE);
  expect(beyond()).toEqual([17]);
});

it('knows no outlier among equal rows, or among none', () => {
  expect(findOutliers(new Float32Array(40), 2)).toMatchObject({ fence: Number.POSITIVE_INFINITY });
  expect(findOutliers(new Float32Array(0), 2).distances).toHaveLength(0);
});
