/**
 * A second look at labels: what out-of-sample probabilities, copies and appearance say about each image, in one list.
 * Everything is keyed by the image's name, never by its position.
 */
import type { IdenticalImages, NearImages } from '../data/check.ts';
import type { Split } from '../data/dataset.ts';
import { mismatch } from '../errors.ts';
import { findLabelIssues, type LabelIssues } from './confident-learning.ts';
import { labelQuality } from './label-quality.ts';
import type { Outliers } from './outliers.ts';
import { checkPredictions, type Predictions, predictedClasses } from './predictions.ts';

/** Why an image is worth a look. In the order in which they are worth it. */
export const REVIEW_KINDS = ['label-error', 'conflict', 'duplicate', 'outlier'] as const;
export type ReviewKind = (typeof REVIEW_KINDS)[number];

/** An image of the data, whether a network said something about it or not. */
export interface ReviewableImage {
  readonly image: string;
  readonly split: Split;
  /** Class index that it is labelled with. */
  readonly label: number;
  /** Of the stored image. */
  readonly sha256: string;
  /** Index in the groups of copies; null where there is no copy. */
  readonly group: number | null;
  /** Mean distance to its neighbours over the median of that. */
  readonly distance: number;
  readonly outlier: boolean;
  /** Somebody looked and found the label right: not worth another look, unless a copy of it has another label. */
  readonly kept: boolean;
}

/** What networks that did not learn from an image say about its label. */
export interface LabelScores {
  readonly selfConfidence: number;
  readonly normalizedMargin: number;
  readonly confidenceWeightedEntropy: number;
  readonly byNoiseRate: boolean;
  readonly byClass: boolean;
  /** Probability of each class. */
  readonly probabilities: readonly number[];
  /** Class index with the largest one. */
  readonly predicted: number;
}

export interface ReviewedImage extends ReviewableImage {
  readonly kinds: readonly ReviewKind[];
  /** Null where no network was asked that had not learnt from it. */
  readonly scores: LabelScores | null;
  /** Class index that it should perhaps have; null where nothing suggests another. */
  readonly suggested: number | null;
}

/** Images of which all pixels are the same, or nearly. */
export interface CopyGroup {
  readonly images: readonly string[];
  /** False where they differ a little. */
  readonly identical: boolean;
  readonly conflictingLabels: boolean;
  readonly acrossSplits: boolean;
}

export interface Review {
  readonly classes: readonly string[];
  /** Worst first: by kind, then by the probability of the label. */
  readonly images: readonly ReviewedImage[];
  readonly groups: readonly CopyGroup[];
  /** Images labelled i of which j is the true class, estimated. */
  readonly joint: readonly (readonly number[])[];
  /** Images that a network was asked about. */
  readonly scored: number;
  /** Share of these whose label is the prediction. */
  readonly agreement: number;
  /** Of these, how many labels are wrong by the joint's estimate. */
  readonly estimatedErrors: number;
  /** Beyond this distance an image is an outlier. */
  readonly fence: number;
}

/** Joins identical and near pairs into groups, also by way of a third image. */
export function copyGroups(identical: readonly IdenticalImages[], near: readonly NearImages[]): CopyGroup[] {
  const all = [...identical, ...near].map(({ images }) => images);
  const exact = new Set(identical.map(({ images }) => images));
  const groupOf = new Map<string, number>();
  const groups: { members: Map<string, { split: Split; label: number }>; identical: boolean }[] = [];
  for (const images of all) {
    const known = [...new Set(images.flatMap(({ name }) => groupOf.get(name) ?? []))];
    const [target = groups.push({ members: new Map(), identical: true }) - 1, ...others] = known;
    for (const other of others) {
      for (const [name, member] of groups[other].members) groups[target].members.set(name, member);
      groups[target].identical &&= groups[other].identical;
      groups[other].members.clear();
    }
    for (const { name, split, label } of images) groups[target].members.set(name, { split, label });
    groups[target].identical &&= exact.has(images);
    for (const name of groups[target].members.keys()) groupOf.set(name, target);
  }
  return groups.flatMap(({ members, identical: same }) => {
    if (members.size === 0) return [];
    const facts = [...members.values()];
    return {
      images: [...members.keys()],
      identical: same,
      conflictingLabels: new Set(facts.map(({ label }) => label)).size > 1,
      acrossSplits: new Set(facts.map(({ split }) => split)).size > 1,
    };
  });
}

/**
 * @param images all images of the data
 * @param predictions out of sample, about some or all of them
 * @throws SomaError where predictions are about an image that is not there, or about another label
 */
export function reviewLabels(
  images: readonly ReviewableImage[],
  predictions: Predictions,
  groups: readonly CopyGroup[],
  { fence }: Pick<Outliers, 'fence'>,
): Review {
  checkPredictions(predictions, 'review');
  const { classes, labels, names } = predictions;
  const byName = new Map(images.map((each) => [each.image, each]));
  names.forEach((name, i) => {
    const label = byName.get(name)?.label;
    if (label !== labels[i])
      throw mismatch(
        `review, ${name}`,
        `the label of the data, ${label === undefined ? 'which lacks it' : classes[label]}`,
        classes[labels[i]],
        'the data or its log of labels has changed since the prediction',
      );
  });
  const issues = findLabelIssues(predictions);
  const { joint } = issues;
  const scores = scoresByName(predictions, issues);
  const reviewed = images.map((each) => judge(each, scores.get(each.image) ?? null, groups));
  return {
    classes,
    images: reviewed.sort(worstFirst),
    groups,
    joint,
    scored: names.length,
    agreement: predictedClasses(predictions).filter((k, i) => k === labels[i]).length / names.length,
    estimatedErrors: joint.reduce(
      (sum, row, i) => sum + row.reduce((wrong, count, j) => wrong + (i === j ? 0 : count), 0),
      0,
    ),
    fence,
  };
}

/** Below this agreement most of what is listed is the network's own mistakes. */
const LEAST_AGREEMENT = 0.8;

/** What to know of a review by networks that learnt too little; nothing of all others. */
export function agreementWarning({ agreement }: Review): string | undefined {
  if (agreement >= LEAST_AGREEMENT) return undefined;
  const share = Math.round(100 * agreement);
  return `The networks agree with ${share} % of the labels only: most of the list are their own mistakes. Train longer, or another system.`;
}

function scoresByName(predictions: Predictions, issues: LabelIssues): Map<string, LabelScores> {
  const { classes, names, scores } = predictions;
  const quality = labelQuality(predictions);
  const predicted = predictedClasses(predictions);
  return new Map(
    names.map((name, i) => [
      name,
      {
        selfConfidence: quality.selfConfidence[i],
        normalizedMargin: quality.normalizedMargin[i],
        confidenceWeightedEntropy: quality.confidenceWeightedEntropy[i],
        byNoiseRate: issues.byNoiseRate[i] === 1,
        byClass: issues.byClass[i] === 1,
        probabilities: [...scores.subarray(i * classes.length, (i + 1) * classes.length)],
        predicted: predicted[i],
      },
    ]),
  );
}

function judge(
  image: ReviewableImage,
  scores: LabelScores | null,
  groups: readonly CopyGroup[],
): ReviewedImage {
  const group = image.group === null ? null : groups[image.group];
  const is: Record<ReviewKind, boolean> = {
    'label-error': scores?.byNoiseRate === true && !image.kept,
    conflict: group?.conflictingLabels === true,
    duplicate: group !== null && !image.kept,
    outlier: image.outlier && !image.kept,
  };
  return {
    ...image,
    scores,
    kinds: REVIEW_KINDS.filter((kind) => is[kind]),
    suggested: scores && scores.predicted !== image.label ? scores.predicted : null,
  };
}

function worstFirst(a: ReviewedImage, b: ReviewedImage): number {
  const rank = ({ kinds }: ReviewedImage) =>
    kinds[0] ? REVIEW_KINDS.indexOf(kinds[0]) : REVIEW_KINDS.length;
  const confidence = ({ scores }: ReviewedImage) => scores?.selfConfidence ?? 1;
  return rank(a) - rank(b) || confidence(a) - confidence(b) || (a.image < b.image ? -1 : 1);
}
