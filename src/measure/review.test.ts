import { describe, expect, it } from 'vitest';
import type { CheckedImage } from '../data/check.ts';
import { joinPredictions } from './join-predictions.ts';
import type { Predictions } from './predictions.ts';
import { agreementWarning, copyGroups, type ReviewableImage, reviewLabels } from './review.ts';
import { formatReview } from './review-csv.ts';

const image = (name: string, label = 0, split: CheckedImage['split'] = 'train'): CheckedImage => ({
  ...{ name, label, split },
});
const same = (...images: CheckedImage[]) => ({ images, acrossSplits: false, conflictingLabels: false });
const near = (a: CheckedImage, b: CheckedImage) => ({
  ...{ images: [a, b] as const, difference: 2, acrossSplits: false, conflictingLabels: false },
});

describe('groups of copies', () => {
  it('join by way of a third image, and know conflicts and splits of the whole group', () => {
    const [a, b, c, d] = [image('a'), image('b'), image('c', 1), image('d', 0, 'test')];
    const groups = copyGroups([same(a, b), same(c, d)], [near(b, c), near(image('x'), image('y'))]);
    expect(groups).toEqual([
      { images: ['a', 'b', 'c', 'd'], identical: false, conflictingLabels: true, acrossSplits: true },
      { images: ['x', 'y'], identical: false, conflictingLabels: false, acrossSplits: false },
    ]);
    expect(copyGroups([same(a, b)], [])).toEqual([
      { images: ['a', 'b'], identical: true, conflictingLabels: false, acrossSplits: false },
    ]);
  });
});

const classes = ['x', 'y'];
const predictions: Predictions = {
  classes,
  names: ['c', 'a', 'b', 'd', 'e'],
  labels: Int32Array.of(0, 0, 0, 1, 1),
  scores: Float64Array.of(0.1, 0.9, 0.9, 0.1, 0.8, 0.2, 0.2, 0.8, 0.3, 0.7),
};
const reviewable = (name: string, label: number, more: Partial<ReviewableImage> = {}): ReviewableImage => ({
  ...{
    image: name,
    split: 'train',
    label,
    sha256: `${name}-hash`,
    group: null,
    distance: 1,
    outlier: false,
    kept: false,
  },
  ...more,
});
/** In another order than the predictions; g was judged by nobody. */
const images = [
  reviewable('g', 1, { group: 0 }),
  reviewable('e', 1),
  reviewable('d', 1, { outlier: true, distance: 9 }),
  reviewable('a', 0, { group: 0 }),
  reviewable('b', 0),
  reviewable('c', 0),
];
const groups = [{ images: ['a', 'g'], identical: true, conflictingLabels: true, acrossSplits: false }];

describe('a review', () => {
  it('goes by names, worst first', () => {
    const review = reviewLabels(images, predictions, groups, { fence: 3 });
    expect(review.images.map(({ image: name, kinds }) => [name, ...kinds])).toEqual([
      ['c', 'label-error'],
      ['a', 'conflict', 'duplicate'],
      ['g', 'conflict', 'duplicate'],
      ['d', 'outlier'],
      ['e'],
      ['b'],
    ]);
    const [worst, , g] = review.images;
    expect(worst).toMatchObject({ suggested: 1, scores: { selfConfidence: 0.1, predicted: 1 } });
    expect(g).toMatchObject({ scores: null, suggested: null });
    expect(review).toMatchObject({
      scored: 5,
      agreement: 0.8,
      estimatedErrors: 1,
      joint: [
        [2, 1],
        [0, 2],
      ],
    });
  });

  it('leaves alone what somebody kept, unless a copy of it has another label', () => {
    const kept = images.map((each) => ({ ...each, kept: true }));
    const review = reviewLabels(kept, predictions, groups, { fence: 3 });
    expect(review.images.filter(({ kinds }) => kinds.length > 0).map(({ image: name }) => name)).toEqual([
      'a',
      'g',
    ]);
  });

  it('warns where the networks have learnt too little', () => {
    const review = reviewLabels(images, predictions, groups, { fence: 3 });
    expect(agreementWarning(review)).toBeUndefined();
    expect(agreementWarning({ ...review, agreement: 0.414 })).toMatch(/agree with 41 % of the labels only/);
  });

  it('is a table that decisions are filled into', () => {
    const [header, first, ...rest] = formatReview(reviewLabels(images, predictions, groups, { fence: 3 }))
      .trim()
      .split('\r\n');
    expect(header).toMatch(/^image,split,label,suggested,decision,to,why,kinds,self_confidence,.*,p_x,p_y$/);
    expect(first).toMatch(/^c,train,x,y,,,,label-error,0\.1,/);
    expect(first).toMatch(/,c-hash,0\.1,0\.9$/);
    expect(rest).toHaveLength(5);
  });

  it('refuses predictions about an image that is not there, or about another label', () => {
    const without = images.filter(({ image: name }) => name !== 'b');
    const review = (list: readonly ReviewableImage[]) => () =>
      reviewLabels(list, predictions, groups, { fence: 3 });
    expect(review(without)).toThrow(/review, b: expected the label of the data, which lacks it, got x/);
    expect(review([...without, reviewable('b', 1)])).toThrow(/review, b: expected .* y, got x/);
  });
});

describe('predictions of several', () => {
  const part = (names: string[], labels: number[], scores: number[], of = classes): Predictions => ({
    ...{ classes: of, names, labels: Int32Array.from(labels), scores: Float64Array.from(scores) },
  });

  it('are joined by name; of an image that several judged, the mean', () => {
    const joined = joinPredictions([
      part(['a', 'b'], [0, 1], [0.5, 0.5, 0, 1]),
      part(['c', 'a'], [1, 0], [1, 0, 1, 0]),
    ]);
    expect(joined.names).toEqual(['a', 'b', 'c']);
    expect([...joined.labels]).toEqual([0, 1, 1]);
    expect([...joined.scores]).toEqual([0.75, 0.25, 0, 1, 1, 0]);
  });

  it('are refused where classes or labels differ', () => {
    const first = part(['a'], [0], [0.5, 0.5]);
    expect(() => joinPredictions([first, part(['a'], [1], [0.5, 0.5])])).toThrow(/the same label, x, got y/);
    expect(() => joinPredictions([first, part(['a'], [0], [1, 0], ['y', 'x'])])).toThrow(/the classes x, y/);
  });
});
