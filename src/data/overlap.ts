/**
 * Which images of one set are in another already, to the byte or nearly: what must be known before a set is called new.
 * As everywhere, copies that are mirrored, turned or cropped are not found.
 */
import type { ImageSource } from './dataset.ts';
import { identicalGroups, nearPairs, signaturesOf } from './duplicates.ts';
import type { ImageShape } from './image.ts';
import { poolSplits } from './pool.ts';

export interface Overlap {
  /** Index in the new set. */
  readonly index: number;
  /** Index of the nearest one in the known set. */
  readonly of: number;
  /** Mean absolute difference of the pixels, in grey levels; 0 where they are the same. */
  readonly difference: number;
}

/** Reads every image of both once. @param shape that both are read at */
export async function findOverlap(
  known: ImageSource,
  fresh: ImageSource,
  shape: ImageShape,
): Promise<Overlap[]> {
  const { source } = poolSplits({ splits: { train: known, val: known, test: fresh } }, ['train', 'test']);
  const signatures = await signaturesOf(source, shape);
  const groups = identicalGroups(signatures);
  const nearest = new Map<number, Overlap>();
  const meet = (a: number, b: number, difference: number) => {
    const [of, other] = a < b ? [a, b] : [b, a];
    if (of >= known.length || other < known.length) return;
    const index = other - known.length;
    const before = nearest.get(index);
    if (!before || difference < before.difference) nearest.set(index, { index, of, difference });
  };
  for (const group of groups) for (const a of group) for (const b of group) if (a < b) meet(a, b, 0);
  // Of images with the same pixels only the first was compared with others.
  const copies = new Map(groups.map((group) => [group[0], group]));
  for (const { a, b, difference } of await nearPairs(source, shape, signatures))
    for (const p of copies.get(a) ?? [a]) for (const q of copies.get(b) ?? [b]) meet(p, q, difference);
  return [...nearest.values()].sort((p, q) => p.index - q.index);
}
