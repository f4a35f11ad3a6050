/** Votes worked out by hand, ties among them, and members that do not belong together. */
import { describe, expect, it } from 'vitest';
import { combine, VOTES } from './ensemble.ts';
import { measure } from './metrics.ts';
import { type Predictions, predictedClasses } from './predictions.ts';
import { formatPredictions, parsePredictions } from './predictions-csv.ts';

const CLASSES = ['a', 'b', 'c'];

function member(name: string, rows: readonly (readonly number[])[], more: Partial<Predictions> = {}) {
  const predictions: Predictions = {
    classes: CLASSES,
    labels: Int32Array.from(rows, (_, i) => i % 3),
    scores: Float64Array.from(rows.flat()),
    names: rows.map((_, i) => `test/${i}`),
    ...more,
  };
  return { name, predictions };
}

/** In image 0 the majority is wrong about what the mean says; image 1 is a tie of three; image 2 is unanimous. */
const MEMBERS = [
  member('one', [
    [0.5, 0.4, 0.1],
    [0.5, 0.3, 0.2],
    [0, 0, 1],
  ]),
  member('two', [
    [0.5, 0.4, 0.1],
    [0.2, 0.7, 0.1],
    [0.1, 0.1, 0.8],
  ]),
  member('three', [
    [0, 0.9, 0.1],
    [0.3, 0.1, 0.6],
    [0.1, 0.2, 0.7],
  ]),
];

describe('combine()', () => {
  it('mean: the class with the largest mean probability', () => {
    const { scores, ...rest } = combine(MEMBERS, 'mean');
    const means = [1, 1.7, 0.3, 1, 1.1, 0.9, 0.2, 0.3, 2.5].map((sum) => sum / 3);
    means.forEach((value, i) => {
      expect(scores[i]).toBeCloseTo(value, 14);
    });
    expect([...predictedClasses({ scores, ...rest })]).toEqual([1, 1, 2]);
  });

  it('majority: the class with most votes, a tie to the larger mean', () => {
    const voted = combine(MEMBERS, 'majority');
    expect([...predictedClasses(voted)]).toEqual([0, 1, 2]);
    expect(voted.scores[0]).toBeCloseTo((2 + 1 / 3) / 4, 14);
    expect(voted.scores[4]).toBeCloseTo((1 + 1.1 / 3) / 4, 14);
  });

  it('majority: one vote more wins however sure the others are', () => {
    const even = [0.334, 0.333, 0.333];
    const sure = [0, 1, 0];
    const rows = [even, even, even, sure, sure].map((row, i) => member(`${i}`, [row]));
    expect(predictedClasses(combine(rows, 'mean'))[0]).toBe(1);
    expect(predictedClasses(combine(rows, 'majority'))[0]).toBe(0);
  });

  it('a tie of two votes each goes to the larger mean, in whatever order the members come', () => {
    const rows = [
      [0.6, 0.4, 0],
      [0.1, 0.9, 0],
      [0.55, 0.45, 0],
      [0.45, 0.55, 0],
    ].map((row, i) => member(`${i}`, [row]));
    for (const order of [rows, rows.toReversed()])
      expect(predictedClasses(combine(order, 'majority'))[0]).toBe(1);
  });

  it.each(VOTES)('%s: scores are probabilities, can be measured, and survive a table', (vote) => {
    const together = combine(MEMBERS, vote);
    for (let i = 0; i < 3; i++) {
      const row = Array.from(together.scores.slice(3 * i, 3 * i + 3));
      expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
    }
    expect(measure(together, { resamples: 10 }).logLoss.value).toBeLessThan(Number.POSITIVE_INFINITY);
    expect(parsePredictions(formatPredictions(together))).toEqual(together);
  });

  it.each([
    [{ classes: ['a', 'c', 'b'] }, /^three: expected the same classes a, b, c, got a, c, b/],
    [
      { names: ['test/0', 'test/2', 'test/1'] },
      /^three: expected the same images, test\/1 in row 2, got test\/2/,
    ],
    [{ labels: Int32Array.of(0, 2, 2) }, /^three: expected the same label of image test\/1, b, got c/],
  ])('refuses a member that saw something else: %o', (change, message) => {
    const [one, two, { predictions }] = MEMBERS;
    expect(() =>
      combine([one, two, { name: 'three', predictions: { ...predictions, ...change } }], 'mean'),
    ).toThrow(message);
  });

  it('refuses a member with fewer images, and a lonely one', () => {
    const short = member('short', [[1, 0, 0]]);
    expect(() => combine([MEMBERS[0], short], 'mean')).toThrow(
      /^short: expected as many images in both runs, got 3 and 1/,
    );
    expect(() => combine([MEMBERS[0]], 'mean')).toThrow(/expected two or more members, got 1/);
  });
});
