/** What `--data` may name: a path, or the built-in synthetic smear. */
import type { Dataset } from '../data/dataset.ts';
import { openDataset } from '../data/open.ts';
import { openSmear } from '../data/smear/source.ts';

export interface DataRequest {
  /** A file or folder, or `smear`. */
  readonly source: string;
  /** Images are resized to size × size. */
  readonly size: number;
  /** Channels the network expects; those of the data when absent. */
  readonly channels?: 1 | 3;
  /** Seed of splits that have to be drawn, and of the smear. */
  readonly seed?: number;
}

/** Opens data for training or evaluation; faults name file and row. */
export async function openData({ source, size, channels, seed }: DataRequest): Promise<Dataset> {
  if (source === 'smear') return openSmear({ size });
  return openDataset(source, { size, channels, seed });
}
