/**
 * Cross-validation: images are dealt into k parts by class and by seed, and each part is once the test split of a data
 * set whose other parts are learnt from. A tenth of these is drawn for validation, which chooses the epoch. So every
 * image is tested once, by a network that has not seen it. One part alone is data of which everything is tested.
 */
import { createHash } from 'node:crypto';
import { EXIT, mismatch, SomaError } from '../errors.ts';
import { type Dataset, type Fold, pick, SPLITS } from './dataset.ts';
import { nearDuplicateGroups } from './duplicates.ts';
import { countGroups } from './open.ts';
import { poolSplits } from './pool.ts';
import { dealStratified, largestRemainder } from './split.ts';

/** Everything is tested, nothing is learnt from. */
export const EVERYTHING: Fold = { number: 1, of: 1, pool: SPLITS };

/** Share of what is learnt from that chooses the epoch. */
const VALIDATION = 0.1;

export interface FoldOptions {
  readonly seed: number;
  /** Nearly identical images are tested together: every image is read once for that. */
  readonly keepTogether?: 'near-duplicates';
}

/** The data set of one training of a cross-validation; labels are those of `dataset`, and closing closes that. */
export async function foldOf(
  dataset: Dataset,
  fold: Fold,
  { seed, keepTogether }: FoldOptions,
): Promise<Dataset> {
  const { number, of, pool: pooled } = fold;
  if (!(Number.isInteger(of) && of >= 1 && Number.isInteger(number) && number >= 1 && number <= of))
    throw new SomaError(
      mismatch('fold', 'a part of as many as there are, as in 1/5', `${number}/${of}`).message,
      EXIT.usage,
    );
  const { source } = poolSplits(dataset, pooled);
  const groups = keepTogether ? await nearDuplicateGroups(source, dataset) : undefined;
  const parts = dealStratified(source.labels, equalParts(of), seed, groups);
  const rest = Int32Array.from(parts.flatMap((part, i) => (i === number - 1 ? [] : [...part]))).sort();
  const restLabels = rest.map((index) => source.labels[index]);
  const restGroups = groups && rest.map((index) => groups[index]);
  const dealt = (shares: (images: number) => number[]) =>
    dealStratified(restLabels, shares, seed, restGroups);
  const stratified = dealt((images) => largestRemainder(images, [1 - VALIDATION, VALIDATION]));
  // A tenth of a few images of each class is none: then it is one of all.
  const [train, val] = stratified[1].length > 0 ? stratified : dealt(tenthOfAll());
  const splits = {
    train: pick(
      source,
      train.map((i) => rest[i]),
    ),
    val: pick(
      source,
      val.map((i) => rest[i]),
    ),
    test: pick(source, parts[number - 1]),
  };
  const share = 1 / of;
  const digest = createHash('sha256').update(dataset.fingerprint);
  for (const split of SPLITS) {
    digest.update(`\n${split}\n`);
    for (let i = 0; i < splits[split].length; i++) digest.update(`${splits[split].name(i)}\n`);
  }
  return {
    ...dataset,
    splits,
    splitting: {
      drawn: ['val', 'test'],
      seed,
      ratios: { train: (1 - share) * (1 - VALIDATION), val: (1 - share) * VALIDATION, test: share },
      keepTogether: keepTogether ?? null,
      groups: groups ? countGroups(groups) : 0,
      fold: { number, of, pool: [...pooled] },
    },
    fingerprint: digest.digest('hex'),
    close: () => dataset.close(),
  };
}

/** A tenth of the images of all classes so far, as whole images, none of which is the last of its class. */
function tenthOfAll(): (images: number) => number[] {
  let owed = 0;
  return (images) => {
    owed += images * VALIDATION;
    const val = Math.max(0, Math.min(images - 1, Math.floor(owed)));
    owed -= val;
    return [images - val, val];
  };
}

/** Shares out the images of one class after another; what is left over goes on where the class before ended. */
function equalParts(of: number): (images: number) => number[] {
  let next = 0;
  return (images) => {
    const counts = new Array<number>(of).fill(Math.floor(images / of));
    for (let left = images % of; left > 0; left--) counts[next++ % of]++;
    return counts;
  };
}
