/**
 * What every data format becomes: named splits of images that are read one by one, on demand.
 * Pixels are 8-bit, rows first, channels last (NHWC), as the decoders give them; the loader turns
 * batches of them into f32 NCHW in [0, 1].
 */

import { SomaError } from '../errors.ts';
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
  /** File or row of image `index`: what errors and prediction tables call it. Unique within a data set. */
  name(index: number): string;
  /**
   * SHA-256, in hex, of what is stored of image `index`: the same at whatever size it is read. Left out where images are
   * made while they are read.
   */
  contentHash?(index: number): Promise<string>;
}

/** How splits that are not stored were drawn. */
export interface Splitting {
  /** The splits that were drawn; what they left is `train`, which is named too where all images were drawn from. */
  readonly drawn: readonly Split[];
  readonly seed: number;
  /** Shares of each class that were wanted; only their proportions count. */
  readonly ratios: Readonly<Record<Split, number>>;
  /** What stays in one split: nearly identical images, images of one key (a patient), or nothing in particular. */
  readonly keepTogether: 'near-duplicates' | 'keys' | null;
  /** Groups of two or more images that were kept together. */
  readonly groups: number;
  /** Where test is one of several parts, each of which is tested once. */
  readonly fold?: Fold;
}

/** One of the trainings of a cross-validation. */
export interface Fold {
  /** The part that is tested, from 1. */
  readonly number: number;
  /** Parts in all. */
  readonly of: number;
  /** Splits whose images the parts are made of. */
  readonly pool: readonly Split[];
}

/** That labels are not those of the files, but what a log makes of them. */
export interface Relabelling {
  /** Path of the log. */
  readonly log: string;
  /** Lines of it that were read: what was appended since changes nothing. */
  readonly lines: number;
  /** SHA-256 of the decisions in force. */
  readonly fingerprint: string;
  /** Fingerprint of the data without the log. */
  readonly stored: string;
  /** Images with another label, in all splits. */
  readonly relabelled: number;
  /** Images that are left out, in all splits. */
  readonly removed: number;
}

/** The same images, labels and names, read in another way. What is read is no longer what is stored. */
export function readThrough(source: ImageSource, read: ImageSource['read']): ImageSource {
  return { length: source.length, labels: source.labels, name: (index) => source.name(index), read };
}

/** Some images of a source, in the order of `indices`, with the labels that they have there or with others. */
export function pick(source: ImageSource, indices: ArrayLike<number>, labels?: Int32Array): ImageSource {
  const at = Int32Array.from(indices);
  return {
    length: at.length,
    labels: labels ?? at.map((index) => source.labels[index]),
    name: (index) => source.name(at[index]),
    read: (index, target) => source.read(at[index], target),
    ...(source.contentHash ? { contentHash: (index) => contentHash(source, at[index]) } : {}),
  };
}

/** The hash of a stored image. Throws where images are not stored. */
export function contentHash(source: ImageSource, index: number): Promise<string> {
  if (source.contentHash) return source.contentHash(index);
  throw new SomaError(`${source.name(index)}: expected an image that is stored, got one that is made`);
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
  /** Left out where labels are those of the files. */
  readonly relabelling?: Relabelling;
  /** Releases open files. */
  close(): Promise<void>;
}
