/** What `--data` may name: a path, or the built-in synthetic smear; read through a log of labels, cut into folds. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Dataset, Fold } from '../data/dataset.ts';
import { foldOf } from '../data/folds.ts';
import { asGrey } from '../data/grey.ts';
import { type OpenOptions, openDataset } from '../data/open.ts';
import { relabelled } from '../data/relabel.ts';
import { readRelabelLog } from '../data/relabel-log.ts';
import { openSmear } from '../data/smear/source.ts';
import { EXIT, mismatch, nearest, SomaError } from '../errors.ts';
import { type System, sideOf } from '../models/system.ts';

/** Name of the synthetic smear. */
export const BUILT_IN = 'smear';

/** The path of data as it is written down, wherever it was given from. */
export function resolveSource(source: string): string {
  return source === BUILT_IN ? source : resolve(source);
}

export interface DataRequest extends Pick<OpenOptions, 'ratios' | 'resplit' | 'keepTogether' | 'warn'> {
  /** A file or folder, or `smear`. */
  readonly source: string;
  /** Images are resized to size × size, or to what images of so many channels should have. */
  readonly size: number | ((channels: number) => number);
  /** Channels the network expects; those of the data when absent. */
  readonly channels?: 1 | 3;
  /** Seed of splits that have to be drawn; the smear is always the same. */
  readonly seed?: number;
  /** A log of decisions about labels. */
  readonly labels?: string;
  /** How many of its lines count; all where it is absent. */
  readonly labelLines?: number;
  /** One training of a cross-validation. */
  readonly fold?: Fold;
}

/** What the paper of a system says of its data, where the user says nothing. */
export function publishedReading(
  system: System,
  { size, ratios, fold }: { readonly size?: number } & Pick<DataRequest, 'ratios' | 'fold'>,
): Pick<DataRequest, 'size' | 'ratios'> {
  return {
    size: size ?? ((channels) => sideOf(system, channels)),
    // The parts of a cross-validation have shares of their own.
    ratios: fold ? undefined : (ratios ?? system.ratios),
  };
}

/** Opens data for training or evaluation; faults name file and row. */
export async function openData({ labels, labelLines, fold, ...request }: DataRequest): Promise<Dataset> {
  const log = labels === undefined ? undefined : await readRelabelLog(resolve(labels), labelLines);
  const stored = await openStored(request);
  try {
    const dataset = log ? await relabelled(stored, log) : stored;
    const { seed = 0, keepTogether } = request;
    const kept = keepTogether === 'near-duplicates' ? keepTogether : undefined;
    return fold ? await foldOf(dataset, fold, { seed, keepTogether: kept }) : dataset;
  } catch (error) {
    await stored.close();
    throw error;
  }
}

async function openStored({
  source,
  ...options
}: Omit<DataRequest, 'labels' | 'labelLines' | 'fold'>): Promise<Dataset> {
  if (source === BUILT_IN) {
    const { size, channels = 3, resplit } = options;
    if (resplit)
      throw new SomaError('--resplit: expected data that is stored, got smear, which is drawn', EXIT.usage);
    const smear = openSmear({ size: typeof size === 'function' ? size(channels) : size });
    return channels === 1 ? asGrey(smear) : smear;
  }
  if (!existsSync(source) && nearest(source, [BUILT_IN])) {
    const { message } = mismatch('--data', 'a path or smear', source, `did you mean ${BUILT_IN}?`);
    throw new SomaError(message, EXIT.usage);
  }
  return openDataset(source, options);
}
