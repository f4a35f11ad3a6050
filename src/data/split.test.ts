import { describe, expect, it } from 'vitest';
import { SPLITS } from './dataset.ts';
import { DEFAULT_RATIOS, largestRemainder, splitStratified } from './split.ts';

const labels = Int32Array.from({ length: 173 }, (_, i) => (i % 7 < 4 ? 0 : i % 7 < 6 ? 1 : 2));

describe('splitStratified', () => {
  it('gives every class the largest-remainder shares, each image once', () => {
    const splits = splitStratified(labels, DEFAULT_RATIOS, 3);
    const all = SPLITS.flatMap((split) => [...splits[split]]).sort((a, b) => a - b);
    expect(all).toEqual(Array.from(labels, (_, i) => i));
    for (const label of [0, 1, 2]) {
      const size = labels.filter((l) => l === label).length;
      const counts = SPLITS.map((split) => splits[split].filter((i) => labels[i] === label).length);
      expect(counts).toEqual(largestRemainder(size, [0.7, 0.1, 0.2]));
    }
  });

  it('depends on the seed alone', () => {
    const a = splitStratified(labels, DEFAULT_RATIOS, 3);
    expect(splitStratified(labels, DEFAULT_RATIOS, 3)).toEqual(a);
    expect(splitStratified(labels, DEFAULT_RATIOS, 4)).not.toEqual(a);
    expect([...a.test].sort((p, q) => p - q)).toEqual([...a.test]);
  });

  it('keeps groups whole and the shares near', () => {
    const groups = Int32Array.from(labels, (_, i) => Math.floor(i / 5));
    const splits = splitStratified(labels, DEFAULT_RATIOS, 3, groups);
    const seen = SPLITS.map((split) => new Set(Array.from(splits[split], (i) => groups[i])));
    expect(seen[0].size + seen[1].size + seen[2].size).toBe(new Set(groups).size);
    expect(Math.abs(splits.train.length - 0.7 * labels.length)).toBeLessThan(10);
    expect(Math.abs(splits.test.length - 0.2 * labels.length)).toBeLessThan(10);
  });

  it('leaves a split empty whose share is 0 and refuses impossible shares', () => {
    const { val } = splitStratified(labels, { train: 0.8, val: 0, test: 0.2 }, 1);
    expect(val).toHaveLength(0);
    expect(() => splitStratified(labels, { train: 0, val: 0.5, test: 0.5 }, 1)).toThrow(/train 0, val 0.5/);
    expect(() => splitStratified(labels, { train: 1, val: -1, test: 0 }, 1)).toThrow(/ratios: expected/);
  });
});

describe('largestRemainder', () => {
  it('adds up and gives what is left to the largest remainders', () => {
    expect(largestRemainder(10, [0.7, 0.1, 0.2])).toEqual([7, 1, 2]);
    expect(largestRemainder(3, [0.7, 0.1, 0.2])).toEqual([2, 0, 1]);
    expect(largestRemainder(7, [1, 1, 1])).toEqual([3, 2, 2]);
    expect(largestRemainder(1, [7, 1, 0])).toEqual([1, 0, 0]);
  });
});
