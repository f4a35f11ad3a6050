import { expect, it } from 'vitest';
import { memorySource, noise } from '../../test/data-fixtures.ts';
import { asClasses } from './as-classes.ts';
import type { Dataset, ImageSource } from './dataset.ts';
import { findOverlap } from './overlap.ts';

const shape = { height: 16, width: 16, channels: 1 };
const image = (seed: number) => noise(256, seed);
const changed = (seed: number, by: number) => image(seed).map((value) => Math.min(255, value + by));

it('finds each image that is known, with its nearest copy, also where it lies there several times', async () => {
  const known = memorySource([image(1), image(2), image(2), changed(3, 3), image(3)]);
  const fresh = memorySource([image(9), image(2), changed(3, 1), image(8), image(2), changed(1, 2)]);
  const found = await findOverlap(known, fresh, shape);
  expect(found.map(({ index, of }) => [index, of])).toEqual([
    [1, 1],
    [2, 4],
    [4, 1],
    [5, 0],
  ]);
  expect(found.map(({ difference }) => Math.round(difference))).toEqual([0, 1, 0, 2]);
});

it('does not take copies within one of the two for an overlap', async () => {
  const found = await findOverlap(
    memorySource([image(1), image(1), changed(1, 1)]),
    memorySource([image(2), image(2), changed(2, 1)]),
    shape,
  );
  expect(found).toEqual([]);
});

const none = memorySource([]);
const data = (classes: string[], test: ImageSource): Dataset => ({
  ...{ name: 'other', classes, fingerprint: 'x', ...shape },
  splits: { train: none, val: none, test },
  close: async () => {},
});

it('matches classes by name, whatever their order', () => {
  const source = memorySource([image(1), image(2), image(3)], [0, 1, 2]);
  const other = data(['c', 'a', 'b'], source);
  const { classes, splits } = asClasses(other, ['a', 'b', 'c', 'd']);
  expect(classes).toEqual(['a', 'b', 'c', 'd']);
  expect([...splits.test.labels]).toEqual([2, 0, 1]);
  expect(splits.test.name(1)).toBe(source.name(1));
  expect(asClasses(other, ['c', 'a', 'b'])).toBe(other);
});

it('refuses classes that are not known, or leaves their images out', () => {
  const source = memorySource([image(1), image(2), image(3), image(4)], [0, 1, 2, 1]);
  const other = data(['a', 'x', 'b', 'without-images'], source);
  expect(() => asClasses(other, ['b', 'a'])).toThrow(/other: expected images of .* b, a, got x \(2 images\)/);
  const { test } = asClasses(other, ['b', 'a'], { ignoreUnknown: true }).splits;
  expect([...test.labels]).toEqual([1, 0]);
  expect([test.name(0), test.name(1)]).toEqual([source.name(0), source.name(2)]);
  expect(() => asClasses(other, ['p', 'q'], { ignoreUnknown: true })).toThrow(
    /expected images of p, q, got none/,
  );
});
