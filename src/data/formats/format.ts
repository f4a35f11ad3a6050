/**
 * What a data format is: something that recognises a path and finds labelled images in it, at their stored
 * size and in the splits that are stored. Choosing the size, drawing missing splits and naming classes is the
 * same for all formats and stands in `open.ts`.
 */
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { SomaError } from '../../errors.ts';
import type { Split } from '../dataset.ts';
import type { FaultSink } from '../fault.ts';
import type { ImageShape } from '../image.ts';

/** One stored split. Nothing is decoded until `read` is called. */
export interface RawSource {
  readonly length: number;
  /** Class index of each image; may be out of range where a fault was reported and not thrown. */
  readonly labels: Int32Array;
  /** File or row, unique within the source. */
  name(index: number): string;
  /** Writes image `index`, brought to `shape`, into `target` (height × width × channels bytes, NHWC). */
  read(index: number, target: Uint8Array, shape: ImageShape): Promise<void>;
  /** SHA-256, in hex, of the stored bytes of image `index`, its label left out. */
  contentHash(index: number): Promise<string>;
}

/** Stands for a stored split that turned out unusable, so that none is drawn in its place. */
export const NO_IMAGES: RawSource = {
  length: 0,
  labels: new Int32Array(0),
  name: (index) => `[${index}]`,
  read: () => Promise.reject(new SomaError('read(): expected an image, got an empty split')),
  contentHash: () => Promise.reject(new SomaError('contentHash(): expected an image, got an empty split')),
};

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What a format found. */
export interface RawData {
  /** Stored shape: what images have when no size is asked for. */
  readonly shape: ImageShape;
  readonly classes: readonly string[];
  /** The stored splits. Data without splits comes as `train` alone; what is missing is drawn from `train`. */
  readonly splits: Partial<Record<Split, RawSource>>;
  /** Changes when the stored bytes change, as far as that can be told without decoding (checksums, sizes). */
  readonly stamp: string;
  close(): Promise<void>;
}

export interface FormatContext {
  /** Receives faults; throws when opening for training. */
  readonly report: FaultSink;
  /** Class names that the caller gave, in the order of the labels. */
  readonly classes?: readonly string[];
  /** True when the caller asked for a size, so that images of different sizes are welcome. */
  readonly resizes: boolean;
}

export interface DataFormat {
  /** Short name, e.g. `npz`. */
  readonly id: string;
  /** What a path must be to be recognised: shown when no format recognises one. */
  readonly recognises: string;
  /** @param entries names in the folder; empty for a file */
  detect(path: string, stats: Stats, entries: readonly string[]): boolean;
  /** Undefined when nothing usable was found, after the reason was reported. */
  open(path: string, context: FormatContext): Promise<RawData | undefined>;
}
