/**
 * The check of data before training: every fault of the files (not only the first), how the classes are
 * spread, and which images stand in the data twice — identical or nearly, in one split or across splits,
 * with the same label or with conflicting ones. Reads every image once.
 */
import type { Dataset, Split } from './dataset.ts';
import { identicalGroups, NEAR_DIFFERENCE, nearPairs, signaturesOf } from './duplicates.ts';
import { DataError, type FaultKind, type Severity } from './fault.ts';
import { type OpenOptions, openReporting } from './open.ts';
import { poolSplits } from './pool.ts';
import { relabelled } from './relabel.ts';
import { readRelabelLog } from './relabel-log.ts';
import { tooFew } from './too-few.ts';

export interface CheckOptions extends OpenOptions {
  /** Mean absolute difference, in grey levels, up to which images count as nearly the same. Default 4. */
  nearDifference?: number;
  /** Path of a log that labels are read through. */
  labels?: string;
  onProgress?: (done: number, total: number) => void;
}

export interface DataFault {
  readonly kind: FaultKind;
  readonly severity: Severity;
  /** File, folder or row. */
  readonly where: string;
  /** The whole sentence: where, expected, got, advice. */
  readonly message: string;
}

export interface CheckedImage {
  readonly split: Split;
  readonly name: string;
  /** Class index. */
  readonly label: number;
}

export interface IdenticalImages {
  readonly images: readonly CheckedImage[];
  /** Stands in more than one split: a test figure would be too good. */
  readonly acrossSplits: boolean;
  /** Bears more than one label: at least one of them is wrong. */
  readonly conflictingLabels: boolean;
}

export interface NearImages {
  readonly images: readonly [CheckedImage, CheckedImage];
  /** Mean absolute difference of the pixels, in grey levels. */
  readonly difference: number;
  readonly acrossSplits: boolean;
  readonly conflictingLabels: boolean;
}

export interface DataReport {
  /** True when the data can be trained on: no fault of severity `error`. */
  readonly ok: boolean;
  readonly name: string;
  readonly faults: readonly DataFault[];
  readonly classes: readonly string[];
  /** Pixels: what images were read at; zeros when nothing could be read. */
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Images per split, and of these per class. */
  readonly splits: Readonly<Record<Split, { images: number; perClass: readonly number[] }>>;
  /** Splits that are not stored but drawn. */
  readonly drawn: readonly Split[];
  /** Largest class of the training split over its smallest; Infinity when one is empty. */
  readonly imbalance: number;
  readonly identical: readonly IdenticalImages[];
  readonly near: readonly NearImages[];
  readonly fingerprint: string;
}

/**
 * Checks data and lists what is wrong with it.
 * @param target a path, opened with `options`, or a data set that is already open (and stays open)
 */
export async function checkDataset(
  target: string | Dataset,
  options: CheckOptions = {},
): Promise<DataReport> {
  const faults = new Map<string, DataFault>();
  // A file can show the same fault twice, on opening and when its turn to be read comes.
  const report = ({ kind, severity, where, message }: DataError) => {
    const key = `${kind} ${where}`;
    if (!faults.has(key)) faults.set(key, { kind, severity, where, message });
  };
  const log = options.labels === undefined ? undefined : await readRelabelLog(options.labels);
  const stored = typeof target === 'string' ? await openReporting(target, options, report) : target;
  try {
    const opened = stored && log ? await relabelled(stored, log) : stored;
    const images = opened ? await checkImages(opened, options, report) : { identical: [], near: [] };
    const isWhole = () => [...faults.values()].every(({ severity }) => severity !== 'error');
    // Of broken files there may be too few for that reason only.
    if (opened && isWhole()) tooFew(opened).forEach(report);
    const list = [...faults.values()];
    return {
      ok: isWhole(),
      name: opened?.name ?? String(target),
      faults: list,
      ...describe(opened),
      ...images,
      fingerprint: opened?.fingerprint ?? '',
    };
  } finally {
    if (typeof target === 'string') await stored?.close();
  }
}

function describe(data: Dataset | undefined) {
  const { classes = [], height = 0, width = 0, channels = 0 } = data ?? {};
  const count = (split: Split) => {
    const perClass = classes.map(() => 0);
    const labels = data?.splits[split].labels ?? [];
    for (const label of labels) if (label in perClass) perClass[label]++;
    return { images: labels.length, perClass };
  };
  const splits = { train: count('train'), val: count('val'), test: count('test') };
  const { perClass } = splits.train;
  const imbalance = perClass.length > 0 ? Math.max(...perClass) / Math.min(...perClass) : 1;
  const drawn = data?.splitting?.drawn ?? [];
  return { classes, height, width, channels, splits, drawn, imbalance };
}

/** Grey level that some place of some image reaches, unless something is wrong with how they were saved. */
const DARK = 48;

async function checkImages(data: Dataset, options: CheckOptions, report: (fault: DataError) => void) {
  const { source, locate: placeOf } = poolSplits(data);
  const locate = (index: number): CheckedImage => {
    const { split } = placeOf(index);
    return { split, name: source.name(index), label: source.labels[index] };
  };
  const signatures = await signaturesOf(source, data, {
    onFault: (error) => {
      if (!(error instanceof DataError)) throw error;
      report(error);
    },
    onProgress: (done) => options.onProgress?.(done, source.length),
  });
  const brightest = signatures.thumbs.reduce((a, b) => Math.max(a, b), 0);
  if (source.length > 0 && brightest < DARK && signatures.digests.every(Boolean))
    report(
      new DataError('dark-images', data.name, {
        expected: 'images that use the range of 8 bits',
        got: `none with a place brighter than ${brightest} of 255`,
        advice: 'pictures of 10 or 12 bits in files of 16 are read as 16: stretch them first',
        severity: 'warning',
      }),
    );
  const groups = identicalGroups(signatures);
  const identical = groups.map((group) => {
    const images = group.map(locate);
    return { images, ...compare(images) };
  });
  const copies = new Map(groups.map((group) => [group[0], group.map(locate)]));
  const near: NearImages[] = [];
  for (const pair of await nearPairs(source, data, signatures, options.nearDifference ?? NEAR_DIFFERENCE)) {
    // Of identical images only the first was compared: if a copy of it lies in another split, that tells more.
    const as = copies.get(pair.a) ?? [locate(pair.a)];
    const bs = copies.get(pair.b) ?? [locate(pair.b)];
    const all = as.flatMap((a) => bs.map((b): [CheckedImage, CheckedImage] => [a, b]));
    const images = all.find(([a, b]) => a.split !== b.split) ?? all[0];
    near.push({ images, difference: pair.difference, ...compare(images) });
  }
  return { identical, near };
}

function compare(images: readonly CheckedImage[]) {
  return {
    acrossSplits: new Set(images.map((image) => image.split)).size > 1,
    conflictingLabels: new Set(images.map((image) => image.label)).size > 1,
  };
}
