/**
 * What every data format becomes: named splits of images that are read one by one, on demand.
 * Pixels are 8-bit, rows first, channels last (NHWC), as the decoders give them; the loader turns
 * batches of them into f32 NCHW in [0, 1].
 */

import { type ImageShape, imageBytes, type Pixels } from './image.ts';

export const SPLITS = ['train', 'val', 'test'] as const;
export type Split = (typeof SPLITS)[number];

/** One split. Nothing is decoded until `read` is called. */
export interface ImageSource {
  readonly length: number;
  /** Class index of each image. */
  readonly labels: Int32Array;
  /** Writes image `index` into `target` (height × width × channels bytes, NHWC). */
  read(index: number, target: Uint8Array): Promise<void>;
  /** File or row of image `index`: what errors and prediction tables call it. Unique within a split. */
  name(index: number): string;
}

/** How splits that are not stored were drawn. */
export interface Splitting {
  /** The splits that were drawn; what they left is `train`. */
  readonly drawn: readonly Split[];
  readonly seed: number;
  /** Shares of each class that were wanted; only their proportions count. */
  readonly ratios: Readonly<Record<Split, number>>;
  /** What stays in one split: nearly identical images, images of one key (a patient), or nothing in particular. */
  readonly keepTogether: 'near-duplicates' | 'keys' | null;
  /** Groups of two or more images that were kept together. */
  readonly groups: number;
}

/** The same images, labels and names, read in another way. */
export function readThrough(source: ImageSource, read: ImageSource['read']): ImageSource {
  return { length: source.length, labels: source.labels, name: (index) => source.name(index), read };
}

/** Image `index` by itself, in memory of its own. */
export async function readImage(source: ImageSource, shape: ImageShape, index: number): Promise<Pixels> {
  const { height, width, channels } = shape;
  const data = new Uint8Array(imageBytes(shape));
  await source.read(index, data);
  return { data, height, width, channels };
}

export interface Dataset {
  /** Short name for tables, e.g. `blood-64`. */
  readonly name: string;
  readonly classes: readonly string[];
  readonly height: number;
  readonly width: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
  readonly splits: Readonly<Record<Split, ImageSource>>;
  /** SHA-256 over format, classes, names and labels: changes when the data changes. */
  readonly fingerprint: string;
  /** Left out where all splits are stored. */
  readonly splitting?: Splitting;
  /** Releases open files. */
  close(): Promise<void>;
}
