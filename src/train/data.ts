/** What `--data` may name: a path, or the built-in synthetic smear. */
import { existsSync } from 'node:fs';
import type { Dataset } from '../data/dataset.ts';
import { asGrey } from '../data/grey.ts';
import { type OpenOptions, openDataset } from '../data/open.ts';
import { openSmear } from '../data/smear/source.ts';
import { EXIT, mismatch, nearest, SomaError } from '../errors.ts';

const BUILT_IN = 'smear';

export interface DataRequest extends Pick<OpenOptions, 'ratios' | 'keepTogether'> {
  /** A file or folder, or `smear`. */
  readonly source: string;
  /** Images are resized to size × size. */
  readonly size: number;
  /** Channels the network expects; those of the data when absent. */
  readonly channels?: 1 | 3;
  /** Seed of splits that have to be drawn; the smear is always the same. */
  readonly seed?: number;
}

/** Opens data for training or evaluation; faults name file and row. */
export async function openData({ source, ...options }: DataRequest): Promise<Dataset> {
  if (source === BUILT_IN) {
    const smear = openSmear({ size: options.size });
    return options.channels === 1 ? asGrey(smear) : smear;
  }
  if (!existsSync(source) && nearest(source, [BUILT_IN])) {
    const { message } = mismatch('--data', 'a path or smear', source, `did you mean ${BUILT_IN}?`);
    throw new SomaError(message, EXIT.usage);
  }
  return openDataset(source, options);
}
