/** Who of two runs is right where, class by class, and on which images they differ most. */
import { type Predictions, predictedClasses } from './predictions.ts';
import { checkSameImages } from './same-images.ts';

export const KINDS = ['both', 'first', 'second', 'neither'] as const;
/** Who is right about an image. */
export type Kind = (typeof KINDS)[number];

export type KindCounts = Readonly<Record<Kind, number>>;

export interface Disagreement {
  readonly images: number;
  readonly total: KindCounts;
  /** By true class, in the order of the labels. */
  readonly perClass: readonly KindCounts[];
  /** Indices of images, those first on whose true class the two give the most different probabilities. */
  readonly indices: Readonly<Record<Kind, readonly number[]>>;
}

/** @throws SomaError naming the first thing that differs between the two sets of images */
export function disagreement(first: Predictions, second: Predictions): Disagreement {
  checkSameImages(first, second, 'disagreement()');
  const { labels, classes } = first;
  const [mine, theirs] = [predictedClasses(first), predictedClasses(second)];
  const indices: Record<Kind, number[]> = { both: [], first: [], second: [], neither: [] };
  labels.forEach((label, i) => {
    const [a, b] = [mine[i] === label, theirs[i] === label];
    indices[a ? (b ? 'both' : 'first') : b ? 'second' : 'neither'].push(i);
  });
  const apart = (i: number) => {
    const at = i * classes.length + labels[i];
    return Math.abs(first.scores[at] - second.scores[at]);
  };
  const count = (belongs: (i: number) => boolean) =>
    Object.fromEntries(KINDS.map((kind) => [kind, indices[kind].filter(belongs).length])) as KindCounts;
  for (const kind of KINDS) indices[kind].sort((i, j) => apart(j) - apart(i) || i - j);
  return {
    images: labels.length,
    total: count(() => true),
    perClass: classes.map((_, k) => count((i) => labels[i] === k)),
    indices,
  };
}
