/** What `soma evaluate --data` is shown: other images, unless the network has seen them before. */
import { join } from 'node:path';
import { formatCsv } from '../csv.ts';
import { asClasses, unknownClasses } from '../data/as-classes.ts';
import { type Dataset, pick, SPLITS, type Split } from '../data/dataset.ts';
import { DataError } from '../data/fault.ts';
import { readRelabelLog } from '../data/relabel-log.ts';
import { SomaError } from '../errors.ts';
import { makeFolder, writeAside } from '../files.ts';
import type { RunConfig } from '../train/config.ts';
import { findSeen, logWithout, type SeenImage } from '../train/external.ts';
import { openOtherData, openRunData } from '../train/open-run.ts';
import { say } from './io.ts';

export interface ExternalFlags {
  readonly data: string;
  readonly labels?: string;
  readonly ignoreUnknown?: boolean;
  readonly allowOverlap?: boolean;
  readonly dropOverlap?: boolean;
  readonly out?: string;
}

/**
 * `external`: no image was seen before. `overlapping`: some were, and are among the tested ones. `unchecked`: nobody can
 * say, because the data of the run is gone. `own`: the run's own data.
 */
export type Standing = 'external' | 'overlapping' | 'unchecked' | 'own';

export interface Opened {
  readonly dataset: Dataset;
  readonly standing: Standing;
  /** Images that the network has seen, whether they are left out or not. */
  readonly seen: readonly SeenImage[];
  /** Images of classes that the network does not know, left out. */
  readonly unknown: number;
  /** What a reader of the figures must know. */
  readonly notes: readonly string[];
}

/**
 * Opens other data for a run.
 * @param everything all of its images are tested, not only a split
 * @throws SomaError where images were seen before and nothing says what to do with them
 */
export async function openExternal(
  folder: string,
  config: RunConfig,
  split: Split,
  everything: boolean,
  flags: ExternalFlags,
): Promise<Opened> {
  const { data, labels, ignoreUnknown, out } = flags;
  const raw = await openOtherData(config, data, { labels, everything });
  try {
    const dataset = asClasses(raw, config.data.classes, { ignoreUnknown });
    const unknown = ignoreUnknown ? total(unknownClasses(raw, config.data.classes)) : 0;
    if (dataset.fingerprint === config.data.fingerprint)
      return { dataset, standing: 'own', seen: [], unknown, notes: ['not external: the data of the run'] };
    say(`looking for images of ${dataset.name} among those that the run learnt from`);
    const found = await seenOrGone(config, dataset, split, flags);
    const seen = found ?? [];
    if (seen.length > 0) await listSeen(folder, dataset, split, seen, flags);
    const dropped = flags.dropOverlap ? new Set(seen.map(({ image }) => image)) : new Set<string>();
    const standing = !found ? 'unchecked' : seen.length > dropped.size ? 'overlapping' : 'external';
    const notes = notesOf(dataset, standing, seen.length, unknown);
    if (dropped.size + unknown === 0) return { dataset, standing, seen, unknown, notes };
    if (out === undefined)
      return { dataset: without(dataset, split, dropped), standing, seen, unknown, notes };
    const log = join(out, 'left-out.jsonl');
    await makeFolder(out);
    const before = labels === undefined ? undefined : await readRelabelLog(labels);
    await logWithout(log, raw, reasons(raw, config.data.classes, dropped), before);
    await raw.close();
    return {
      dataset: await openRunData(config, data, { labels: log, everything }),
      ...{ standing, seen, unknown, notes },
    };
  } catch (error) {
    await raw.close();
    throw error;
  }
}

/** Undefined where the data of the run is gone and that was allowed for. */
async function seenOrGone(
  config: RunConfig,
  dataset: Dataset,
  split: Split,
  { allowOverlap }: ExternalFlags,
): Promise<SeenImage[] | undefined> {
  try {
    return await findSeen(config, dataset, split);
  } catch (error) {
    if (!(error instanceof DataError && error.kind === 'not-found')) throw error;
    if (allowOverlap) return undefined;
    throw new SomaError(
      `${config.data.source}: expected the data of the run, to look for copies of its images, got nothing; put it back, or test ` +
        'unchecked with --allow-overlap, which is no external validation',
    );
  }
}

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

/** Writes the list down; throws where nothing says what to do. */
async function listSeen(
  folder: string,
  { name, splits }: Dataset,
  split: Split,
  seen: readonly SeenImage[],
  { out, allowOverlap, dropOverlap }: ExternalFlags,
): Promise<void> {
  const path = join(out ?? folder, `overlap-${name}.csv`);
  const rows = seen.map(({ image, label, copyOf, copyLabel, copySplit, difference }) => [
    ...[image, label, copyOf, copyLabel, copySplit, difference.toFixed(3)],
  ]);
  await makeFolder(out ?? folder);
  const header = ['image', 'label', 'copy_of', 'copy_label', 'copy_split', 'difference'];
  await writeAside(path, formatCsv([header, ...rows]));
  say(`overlap  ${path}`);
  if (allowOverlap || dropOverlap) return;
  throw new SomaError(
    `${name}: expected images that the run has not seen, got ${seen.length} of ${splits[split].length} that are copies of its ` +
      `training or validation images, listed in ${path}; leave them out with --drop-overlap, or test on all with ` +
      '--allow-overlap, which is no external validation',
  );
}

function notesOf({ name }: Dataset, standing: Standing, seen: number, unknown: number): string[] {
  const copies = `${seen} images of ${name} are copies of training or validation images`;
  return [
    ...(standing === 'overlapping' ? [`not external: ${copies}, and were tested`] : []),
    ...(standing === 'unchecked'
      ? ['not external: the data of the run is gone, nobody looked for copies']
      : []),
    ...(standing === 'external' && seen > 0 ? [`external; ${copies}, and were left out`] : []),
    ...(unknown > 0 ? [`${unknown} images of classes that the run does not know were left out`] : []),
  ];
}

function without(dataset: Dataset, split: Split, names: ReadonlySet<string>): Dataset {
  const source = dataset.splits[split];
  const kept = [...source.labels.keys()].filter((i) => !names.has(source.name(i)));
  return { ...dataset, splits: { ...dataset.splits, [split]: pick(source, kept) } };
}

/** Why each image is left out, by its name. */
function reasons(
  raw: Dataset,
  classes: readonly string[],
  dropped: ReadonlySet<string>,
): Map<string, string> {
  const why = new Map<string, string>();
  for (const split of SPLITS) {
    const source = raw.splits[split];
    for (let i = 0; i < source.length; i++) {
      const image = source.name(i);
      if (dropped.has(image)) why.set(image, 'a copy of an image that the run has seen');
      else if (!classes.includes(raw.classes[source.labels[i]]))
        why.set(image, 'a class that the run does not know');
    }
  }
  return why;
}
