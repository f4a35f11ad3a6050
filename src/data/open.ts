/**
 * Opening data: finds the format of a path, settles the image shape, draws the splits that are not stored,
 * and takes a fingerprint. The formats themselves stand in `formats/`.
 */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { EXIT, mismatch, nearest, SomaError } from '../errors.ts';
import { type Dataset, type ImageSource, pick, SPLITS, type Split, type Splitting } from './dataset.ts';
import { nearDuplicateGroups } from './duplicates.ts';
import { DataError, type FaultSink, throwFirst } from './fault.ts';
import { type DataFormat, NO_IMAGES, type RawData, type RawSource } from './formats/format.ts';
import { FORMATS } from './formats/table.ts';
import { type ImageShape, imageBytes } from './image.ts';
import { poolSplits } from './pool.ts';
import { DEFAULT_RATIOS, type SplitRatios, splitStratified } from './split.ts';

export interface OpenOptions {
  /** Height and width to which images are resized (bicubic), maybe by their channels; the stored size when absent. */
  size?: number | { height: number; width: number } | ((channels: number) => number);
  /** 1 (grey) or 3 (RGB); what the data has when absent. Folders of images are RGB. */
  channels?: 1 | 3;
  /** Seed of the splits that are drawn. Default 0. */
  seed?: number;
  /** Shares of the splits when some have to be drawn. Default 0.7 train, 0.1 val, 0.2 test. */
  ratios?: Partial<SplitRatios>;
  /** Draw all splits from all images, also where some are stored. */
  resplit?: boolean;
  /**
   * What stays together when splits are drawn: near-identical images (every image is read once for that), or
   * images for whose name the function gives the same key, e.g. a patient.
   */
  keepTogether?: 'near-duplicates' | ((name: string) => string);
  /** Class names in the order of the labels, where the data does not name them or has more classes than seen. */
  classes?: readonly string[];
  /** Short name for tables; by default the name of the file or folder. */
  name?: string;
  /** Told of what can be trained with, but should be looked at. */
  warn?: FaultSink;
}

/**
 * Opens a MedMNIST `.npz` file, a folder with IDX files, or a folder of images.
 *
 * Missing splits are drawn from `train`, stratified and by seed, in the proportion that `ratios` gives: from
 * data without splits 70 / 10 / 20, from data with a test split only (MNIST) one eighth for validation.
 * @throws DataError naming file and row of the first fault; `checkDataset` lists all
 */
export async function openDataset(path: string, options: OpenOptions = {}): Promise<Dataset> {
  const data = await openReporting(path, options, throwFirst(options.warn));
  if (data) return data;
  throw new SomaError(`${path}: expected images with labels, got none; run a data check on it`);
}

/** As `openDataset`, but hands faults to `report` and gives undefined when nothing can be read. */
export async function openReporting(
  path: string,
  options: OpenOptions,
  report: FaultSink,
): Promise<Dataset | undefined> {
  checkOptions(options);
  let raw: RawData | undefined;
  try {
    const format = await findFormat(path);
    raw = await format.open(path, { report, classes: options.classes, resizes: options.size !== undefined });
    return raw && (await assemble(path, format, raw, options));
  } catch (error) {
    await raw?.close();
    if (!(error instanceof DataError)) throw error;
    report(error);
    return undefined;
  }
}

async function findFormat(path: string): Promise<DataFormat> {
  const stats = await stat(path).catch(() => undefined);
  if (!stats) {
    const beside = await readdir(dirname(path)).catch(() => []);
    const meant = nearest(basename(path), beside);
    throw new DataError('not-found', path, {
      expected: 'a file or folder',
      got: 'nothing of that name',
      advice: meant ? `did you mean ${meant}?` : 'check the path',
    });
  }
  const entries = stats.isDirectory() ? await readdir(path) : [];
  const format = FORMATS.find((candidate) => candidate.detect(path, stats, entries));
  if (format) return format;
  throw new DataError('unknown-format', path, {
    expected: FORMATS.map((candidate) => candidate.recognises).join(', or '),
    got: 'a file of another kind',
    advice: 'unpack archives first',
  });
}

async function assemble(
  path: string,
  format: DataFormat,
  raw: RawData,
  options: OpenOptions,
): Promise<Dataset> {
  const channels = options.channels ?? raw.shape.channels;
  const size = typeof options.size === 'function' ? options.size(channels) : options.size;
  const shape: ImageShape = {
    height: (typeof size === 'object' ? size.height : size) ?? raw.shape.height,
    width: (typeof size === 'object' ? size.width : size) ?? raw.shape.width,
    channels,
  };
  const { splits, splitting } = await drawMissing(raw, shape, options);
  return {
    name: options.name ?? basename(resolve(path)).replace(/\.npz$/i, ''),
    classes: raw.classes,
    ...shape,
    splits,
    fingerprint: fingerprint(format.id, raw, splits),
    ...(splitting ? { splitting } : {}),
    close: () => raw.close(),
  };
}

async function drawMissing(
  raw: RawData,
  shape: ImageShape,
  options: OpenOptions,
): Promise<{ splits: Record<Split, ImageSource>; splitting?: Splitting }> {
  const none = new View(NO_IMAGES, shape);
  const view = (split: Split): ImageSource => {
    const source = raw.splits[split];
    return source ? new View(source, shape) : none;
  };
  const stored = { train: view('train'), val: view('val'), test: view('test') };
  const missing = SPLITS.filter((split) => split !== 'train' && !raw.splits[split]);
  const drawn = options.resplit ? SPLITS : missing;
  if (!(options.resplit || raw.splits.train) || drawn.length === 0) return { splits: stored };
  const pool = options.resplit ? poolSplits({ splits: stored }).source : stored.train;
  const wanted = { ...DEFAULT_RATIOS, ...options.ratios };
  const share = (split: Split) => (drawn.includes(split) ? wanted[split] : 0);
  const ratios = { train: wanted.train, val: share('val'), test: share('test') };
  const { seed = 0, keepTogether } = options;
  const groups = await groupsOf(pool, shape, keepTogether);
  const indices = splitStratified(pool.labels, ratios, seed, groups);
  const splits = { ...stored };
  for (const split of ['train', ...drawn] as const) splits[split] = pick(pool, indices[split]);
  const splitting: Splitting = {
    ...{ drawn, seed, ratios },
    keepTogether: keepTogether ? (typeof keepTogether === 'function' ? 'keys' : keepTogether) : null,
    groups: groups ? countGroups(groups) : 0,
  };
  return { splits, splitting };
}

/** How many groups have two or more members. */
export function countGroups(groups: Int32Array): number {
  const sizes = new Map<number, number>();
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  return [...sizes.values()].filter((size) => size > 1).length;
}

async function groupsOf(
  pool: ImageSource,
  shape: ImageShape,
  keep: OpenOptions['keepTogether'],
): Promise<Int32Array | undefined> {
  if (keep === 'near-duplicates') return nearDuplicateGroups(pool, shape);
  if (!keep) return undefined;
  const numbers = new Map<string, number>();
  return Int32Array.from({ length: pool.length }, (_, i) => {
    const key = keep(pool.name(i));
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  });
}

/** A stored split at the wanted shape. */
class View implements ImageSource {
  readonly labels: Int32Array;
  readonly #source: RawSource;
  readonly #shape: ImageShape;

  constructor(source: RawSource, shape: ImageShape) {
    this.#source = source;
    this.#shape = shape;
    this.labels = source.labels;
  }

  get length(): number {
    return this.labels.length;
  }

  name(index: number): string {
    return this.#source.name(index);
  }

  contentHash(index: number): Promise<string> {
    return this.#source.contentHash(index);
  }

  async read(index: number, target: Uint8Array): Promise<void> {
    if (!(index >= 0 && index < this.length) || target.length !== imageBytes(this.#shape)) {
      throw mismatch(
        'read()',
        `an index below ${this.length} and ${imageBytes(this.#shape)} bytes to write to`,
        `index ${index} and ${target.length} bytes`,
      );
    }
    return this.#source.read(index, target, this.#shape);
  }
}

function fingerprint(format: string, raw: RawData, splits: Readonly<Record<Split, ImageSource>>): string {
  const digest = createHash('sha256').update(JSON.stringify([format, raw.classes, raw.stamp]));
  for (const split of SPLITS) {
    const { length, labels } = splits[split];
    digest.update(`\n${split} ${length}\n`);
    for (let i = 0; i < length; i++) digest.update(`${labels[i]} ${splits[split].name(i)}\n`);
  }
  return digest.digest('hex');
}

function checkOptions({ size, channels, seed }: OpenOptions): void {
  const sides = typeof size === 'object' ? [size.height, size.width] : typeof size === 'number' ? [size] : [];
  if (!sides.every((side) => Number.isInteger(side) && side >= 1 && side <= 4096)) {
    throw usage('size', 'whole pixels from 1 to 4096', sides.join('×'));
  }
  if (channels !== undefined && channels !== 1 && channels !== 3) {
    throw usage('channels', '1 (grey) or 3 (RGB)', channels);
  }
  if (seed !== undefined && !Number.isSafeInteger(seed)) throw usage('seed', 'a whole number', seed);
}

function usage(option: string, expected: string, got: unknown): SomaError {
  return new SomaError(mismatch(option, expected, got).message, EXIT.usage);
}
