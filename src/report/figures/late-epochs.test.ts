/** When the later half of curves is enlarged. */
import { expect, test } from 'vitest';
import { flattenedFrom } from './late-epochs.ts';

const curve = (values: readonly number[]) => values.map((value, i) => ({ epoch: i + 1, value }));

test('the later half is enlarged where the first epochs flatten it in one panel', () => {
  const steep = [9, 4, 1, 0.3, 0.2, 0.15, 0.1, 0.12, 0.1, 0.11];
  const even = steep.map((_, i) => i);
  expect(flattenedFrom([curve(steep)])).toBe(6);
  expect(flattenedFrom([curve(even)])).toBeNull();
  expect(flattenedFrom([curve(even), curve(steep)])).toBe(6);
});

test('a few epochs, or curves that are all flat, are left as they are', () => {
  expect(flattenedFrom([curve([9, 1, 0.1, 0.1, 0.1, 0.1])])).toBeNull();
  expect(flattenedFrom([])).toBeNull();
  expect(flattenedFrom([curve(new Array(10).fill(1))])).toBeNull();
});
