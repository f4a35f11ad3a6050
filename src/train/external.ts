/**
 * External validation: whether images are new to a network. Images that it learnt from, or by which its epoch was chosen,
 * make figures too good, also where they come under another name.
 */
import { rm } from 'node:fs/promises';
import { contentHash, type Dataset, SPLITS, type Split } from '../data/dataset.ts';
import { findOverlap } from '../data/overlap.ts';
import { poolSplits } from '../data/pool.ts';
import { appendDecisions, type Decision, type RelabelLog, readOrBeginLog } from '../data/relabel-log.ts';
import type { RunConfig } from './config.ts';
import { openRunData } from './open-run.ts';

/** An image that the network has seen. */
export interface SeenImage {
  readonly image: string;
  readonly label: string;
  /** In the data of the run. */
  readonly copyOf: string;
  readonly copyLabel: string;
  readonly copySplit: Split;
  /** Mean absolute difference of the pixels, in grey levels. */
  readonly difference: number;
}

/** Images of a split that are copies, or nearly, of training or validation images of the run. */
export async function findSeen(config: RunConfig, dataset: Dataset, split: Split): Promise<SeenImage[]> {
  const own = await openRunData(config);
  try {
    const { source: known, locate } = poolSplits(own, ['train', 'val']);
    const fresh = dataset.splits[split];
    return (await findOverlap(known, fresh, dataset)).map(({ index, of, difference }) => ({
      image: fresh.name(index),
      label: dataset.classes[fresh.labels[index]],
      copyOf: known.name(of),
      copyLabel: own.classes[known.labels[of]],
      copySplit: locate(of).split,
      difference,
    }));
  } finally {
    await own.close();
  }
}

/**
 * Writes a log that leaves images out, on top of one that data is read through already, so that what is left can be opened
 * again.
 * @param dataset as it is read through `before`
 */
export async function logWithout(
  path: string,
  { splits, classes }: Dataset,
  leftOut: ReadonlyMap<string, string>,
  before?: RelabelLog,
): Promise<void> {
  const standing = [...(before?.inForce.values() ?? [])].filter(({ image }) => !leftOut.has(image));
  const removals: Decision[] = [];
  for (const split of SPLITS) {
    const source = splits[split];
    for (let i = 0; i < source.length; i++) {
      const image = source.name(i);
      const why = leftOut.get(image);
      if (why === undefined) continue;
      const from = classes[source.labels[i]];
      const stored = before?.inForce.get(image)?.stored ?? from;
      removals.push({ image, sha256: await contentHash(source, i), stored, from, to: null, why });
    }
  }
  await rm(path, { force: true });
  const decisions = [
    ...standing.map(({ image, sha256, stored, from, to, why }) => ({ image, sha256, stored, from, to, why })),
    ...removals,
  ];
  const author = { by: 'soma evaluate', at: new Date().toISOString() };
  await appendDecisions(await readOrBeginLog(path), decisions, author);
}
