/**
 * Splitting by seed: stratified (every class in the same shares) and, where groups are given, with each group
 * whole in one split, so that two pictures of the same cell or patient never stand on both sides.
 *
 * Per class the exact shares are rounded by largest remainder. Groups are shuffled, then dealt largest first
 * to the split that still lacks most; single images are groups of one and fill the shares exactly.
 */
import { SomaError } from '../errors.ts';
import { random } from '../random.ts';
import { SPLITS, type Split, type Splitting } from './dataset.ts';

/** Shares of the splits; only their proportions count. */
export type SplitRatios = Readonly<Record<Split, number>>;

export const DEFAULT_RATIOS: SplitRatios = { train: 0.7, val: 0.1, test: 0.2 };

/** “a, b and c”. */
const LIST = new Intl.ListFormat('en-GB');

const SPLIT_WORDS: Readonly<Record<Split, string>> = { train: 'training', val: 'validation', test: 'test' };

/** How splits were drawn, as a sentence for reports. */
export function splittingText({ drawn, seed, ratios, keepTogether, groups, fold }: Splitting): string {
  const what = LIST.format(drawn.map((split) => SPLIT_WORDS[split]));
  const shares = SPLITS.filter((split) => ratios[split] > 0).map((split) => Number(ratios[split].toFixed(4)));
  const kept = {
    'near-duplicates': `nearly identical images stay on one side (${groups} ${groups === 1 ? 'group' : 'groups'} of two or more)`,
    keys: `images of one source stay on one side (${groups} ${groups === 1 ? 'group' : 'groups'} of two or more)`,
  };
  const together = keepTogether ? kept[keepTogether] : 'nearly identical images may stand on both sides';
  if (fold?.of === 1) return 'All images of the data are tested.';
  if (fold)
    return (
      `Cross-validation: the test images are part ${fold.number} of ${fold.of} of the ${fold.pool.map((split) => SPLIT_WORDS[split]).join(', ')} ` +
      `images, drawn by class with seed ${seed}, and the validation images a tenth of the others; ${together}.`
    );
  return `The ${what} images were drawn with seed ${seed}, ${shares.join(' : ')} of each class; ${together}.`;
}

/**
 * Draws splits.
 * @param labels class of each image
 * @param ratios share of each split, 0 or more
 * @param seed the same seed gives the same splits
 * @param groups group of each image (any integers); a group goes by the class that most of its images have
 * @returns indices of each split, rising
 */
export function splitStratified(
  labels: Int32Array,
  ratios: SplitRatios,
  seed: number,
  groups?: Int32Array,
): Record<Split, Int32Array> {
  checkRatios(ratios);
  const shares = SPLITS.map((split) => ratios[split]);
  const apportion = (images: number) => largestRemainder(images, shares);
  const [train, val, test] = dealStratified(labels, apportion, seed, groups);
  return { train, val, test };
}

/** As `splitStratified`, into any number of parts. @param apportion how many images of a class each part wants */
export function dealStratified(
  labels: Int32Array,
  apportion: (images: number) => number[],
  seed: number,
  groups?: Int32Array,
): Int32Array[] {
  const byClass = new Map<number, number[][]>();
  for (const members of groupMembers(labels.length, groups)) {
    const label = commonLabel(members, labels);
    const list = byClass.get(label);
    if (list) list.push(members);
    else byClass.set(label, [members]);
  }
  const parts = apportion(0).map((): number[] => []);
  for (const [label, members] of [...byClass].sort(([a], [b]) => a - b)) {
    const size = members.reduce((sum, group) => sum + group.length, 0);
    const lacking = apportion(size);
    const dealt = random(seed, 'split', label).shuffle(members);
    for (const group of dealt.sort((a, b) => b.length - a.length)) {
      const to = lacking.indexOf(Math.max(...lacking));
      lacking[to] -= group.length;
      for (const index of group) parts[to].push(index);
    }
  }
  return parts.map((indices) => Int32Array.from(indices).sort());
}

function groupMembers(count: number, groups?: Int32Array): number[][] {
  if (!groups) return Array.from({ length: count }, (_, i) => [i]);
  if (groups.length !== count) {
    throw new SomaError(
      `splitStratified(): expected a group for each of ${count} images, got ${groups.length}`,
    );
  }
  const members = new Map<number, number[]>();
  for (let i = 0; i < count; i++) {
    const list = members.get(groups[i]);
    if (list) list.push(i);
    else members.set(groups[i], [i]);
  }
  return [...members.values()];
}

function commonLabel(members: readonly number[], labels: Int32Array): number {
  if (members.length === 1) return labels[members[0]];
  const counts = new Map<number, number>();
  for (const index of members) counts.set(labels[index], (counts.get(labels[index]) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || a - b)[0][0];
}

/** Rounds `total × share` to integers that add up to `total`: the largest remainders are rounded up. */
export function largestRemainder(total: number, shares: readonly number[]): number[] {
  const sum = shares.reduce((a, b) => a + b, 0);
  const exact = shares.map((share) => (total * share) / sum);
  const counts = exact.map(Math.floor);
  const byRemainder = exact
    .map((value, i) => ({ i, remainder: value - counts[i] }))
    .sort((a, b) => b.remainder - a.remainder || a.i - b.i);
  const left = total - counts.reduce((a, b) => a + b, 0);
  for (let k = 0; k < left; k++) counts[byRemainder[k].i]++;
  return counts;
}

function checkRatios(ratios: SplitRatios): void {
  const values = SPLITS.map((split) => ratios[split]);
  if (values.every((value) => value >= 0 && Number.isFinite(value)) && ratios.train > 0) return;
  throw new SomaError(
    `ratios: expected shares of 0 or more with a train share above 0, got train ${ratios.train}, ` +
      `val ${ratios.val}, test ${ratios.test}; e.g. 0.7, 0.1, 0.2`,
  );
}
