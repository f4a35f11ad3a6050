/** Who is right where, on five images that can be counted by hand. */
import { expect, it } from 'vitest';
import { disagreement } from './disagreement.ts';
import type { Predictions } from './predictions.ts';

const predictions = (ofFirstClass: number[]): Predictions => ({
  classes: ['a', 'b'],
  labels: Int32Array.of(0, 0, 1, 0, 1),
  names: ['v', 'w', 'x', 'y', 'z'],
  scores: Float32Array.from(ofFirstClass.flatMap((p) => [p, 1 - p])),
});

it('sorts images by who is right, the most different first', () => {
  //                           v    w    x    y    z
  const first = predictions([0.9, 0.75, 0.2, 0.2, 0.9]);
  const second = predictions([0.4, 0.0, 0.1, 0.3, 0.1]);
  const { total, perClass, indices } = disagreement(first, second);
  expect(total).toEqual({ both: 1, first: 2, second: 1, neither: 1 });
  expect(perClass).toEqual([
    { both: 0, first: 2, second: 0, neither: 1 },
    { both: 1, first: 0, second: 1, neither: 0 },
  ]);
  expect(indices).toEqual({ both: [2], first: [1, 0], second: [4], neither: [3] });
});

it('refuses other images', () => {
  const first = predictions([1, 1, 0, 1, 0]);
  expect(() => disagreement(first, { ...first, names: ['v', 'w', 'x', 'y', 'q'] })).toThrow(
    'the same images, z',
  );
});
