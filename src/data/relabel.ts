/**
 * A data set seen through a log of decisions: labels are changed and images left out, nothing else. Images keep their
 * split, also where splits were drawn by class, so that figures before and after are about the same images.
 *
 * Every decision must fit: its image is there, unchanged, with the class that it had when it was decided about.
 */
import { createHash } from 'node:crypto';
import { mismatch, SomaError } from '../errors.ts';
import { forEachConcurrently } from './concurrent.ts';
import { contentHash, type Dataset, type ImageSource, pick, SPLITS, type Split } from './dataset.ts';
import type { Place } from './pool.ts';
import { type LoggedDecision, logFingerprint, type RelabelLog } from './relabel-log.ts';

const READS = 8;
/** Faults that one error lists. */
const MOST = 10;

/** @throws SomaError listing the decisions that do not fit the data */
export async function relabelled(dataset: Dataset, log: RelabelLog): Promise<Dataset> {
  const decisions = [...log.inForce.values()];
  const places = placesOf(dataset);
  await refuseMisfits(dataset, log, decisions, places);
  const changes = decisions.filter(({ stored, to }) => to !== stored);
  if (changes.length === 0) return { ...dataset, relabelling: summary(dataset, log, changes) };
  const bySplit = new Map<Split, Map<number, number>>(SPLITS.map((split) => [split, new Map()]));
  for (const { image, to } of changes) {
    const { split, index } = places.get(image) as Place;
    bySplit.get(split)?.set(index, to === null ? LEFT_OUT : dataset.classes.indexOf(to));
  }
  const through = (split: Split) => changed(dataset.splits[split], bySplit.get(split) ?? new Map());
  return {
    ...dataset,
    splits: { train: through('train'), val: through('val'), test: through('test') },
    fingerprint: createHash('sha256')
      .update(`${dataset.fingerprint} ${logFingerprint(log)}`)
      .digest('hex'),
    relabelling: summary(dataset, log, changes),
    close: () => dataset.close(),
  };
}

const LEFT_OUT = -1;

function changed(source: ImageSource, changes: ReadonlyMap<number, number>): ImageSource {
  if (changes.size === 0) return source;
  const kept = [...source.labels.keys()].filter((index) => changes.get(index) !== LEFT_OUT);
  const labels = Int32Array.from(kept, (index) => changes.get(index) ?? source.labels[index]);
  return pick(source, kept, labels);
}

function summary({ fingerprint: stored }: Dataset, log: RelabelLog, changes: readonly LoggedDecision[]) {
  const removed = changes.filter(({ to }) => to === null).length;
  return {
    ...{ log: log.path, lines: log.lines.length, fingerprint: logFingerprint(log), stored },
    ...{ relabelled: changes.length - removed, removed },
  };
}

/** Where each image is, by its name. */
export function placesOf({ splits }: Dataset): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const split of SPLITS)
    for (let index = 0; index < splits[split].length; index++)
      places.set(splits[split].name(index), { split, index });
  return places;
}

async function refuseMisfits(
  dataset: Dataset,
  { path }: RelabelLog,
  decisions: readonly LoggedDecision[],
  places: ReadonlyMap<string, Place>,
): Promise<void> {
  const faults: string[] = [];
  const { classes, splits } = dataset;
  await forEachConcurrently(decisions.length, READS, async (i) => {
    const { image, sha256, stored, to } = decisions[i];
    const place = places.get(image);
    if (!place) {
      faults.push(`${image} is not there`);
      return;
    }
    const source = splits[place.split];
    const label = classes[source.labels[place.index]];
    if (to !== null && !classes.includes(to)) faults.push(`${image}: there is no class ${to}`);
    else if (label !== stored) faults.push(`${image}: its class was ${stored} and is ${label}`);
    else if ((await contentHash(source, place.index)) !== sha256)
      faults.push(`${image} is another image now`);
  });
  refuse(path, `decisions that fit ${dataset.name}`, faults, 'undo them with soma data relabel --undo IMAGE');
}

/** One error for many faults; none where there are none. */
export function refuse(where: string, expected: string, faults: readonly string[], advice: string): void {
  if (faults.length === 0) return;
  const listed = [...faults].sort().slice(0, MOST).join('; ');
  const more = faults.length > MOST ? `; and ${faults.length - MOST} more` : '';
  throw new SomaError(mismatch(where, expected, `${listed}${more}`, advice).message);
}

/** What a log does to labels, as a sentence for reports. */
export function relabellingText({
  log,
  relabelled: changedLabels,
  removed,
}: NonNullable<Dataset['relabelling']>): string {
  return `Labels were read through ${log}: ${changedLabels} changed, ${removed} images left out.`;
}
