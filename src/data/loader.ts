/**
 * Batches for training and evaluation: f32 NCHW in [0, 1] (or normalised), decoded ahead while the caller
 * works on the batch before.
 *
 * The order of an epoch depends on seed and epoch alone, augmentation on seed, epoch and index: a run that is
 * resumed at `startBatch` sees the same bits. Two image buffers take turns: `images` of a batch is valid until
 * the next one is asked for; `labels` and `indices` are the caller's to keep.
 */
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { EXIT, mismatch, SomaError } from '../errors.ts';
import { random } from '../random.ts';
import { type AugmentOptions, augmentImage, checkAugmentOptions } from './augment.ts';
import type { PixelCache } from './cache.ts';
import { forEachConcurrently } from './concurrent.ts';
import type { ImageSource } from './dataset.ts';
import { type ImageShape, imageBytes } from './image.ts';
import { type Normalization, toPlanes, toValues, valueTable } from './planar.ts';

export interface Batch {
  /** size × channels × height × width values; valid until the next batch is asked for. */
  readonly images: Float32Array;
  /** Class index of each image. */
  readonly labels: Int32Array;
  /** Index of each image in the source. */
  readonly indices: Int32Array;
  /** Number of images: the batch size, or less in the last batch. */
  readonly size: number;
}

export type Shuffle = boolean | 'once';

export interface LoadOptions {
  batchSize: number;
  /** Random order, new each epoch or the same in all of them. Default false: the order of the source. */
  shuffle?: Shuffle;
  /** Seed of order and augmentation. Default 0. */
  seed?: number;
  /** Epoch, from 0 on. Default 0. */
  epoch?: number;
  augment?: AugmentOptions;
  /** Per-channel mean and standard deviation, for values in [0, 1]. */
  normalization?: Normalization;
  /** Batch at which to begin, for resuming in the middle of an epoch. Default 0. */
  startBatch?: number;
  /** Leaves out a last batch that is not full. Default false. */
  dropLast?: boolean;
  /** Keeps decoded pixels over the epochs; without it images are decoded anew each time. */
  cache?: PixelCache;
  /** Images decoded at the same time. Default: the number of processors. */
  concurrency?: number;
}

/** Number of batches of an epoch. */
export function countBatches(images: number, batchSize: number, dropLast = false): number {
  return dropLast ? Math.floor(images / batchSize) : Math.ceil(images / batchSize);
}

/** The order in which an epoch takes the images. */
export function epochOrder(
  images: number,
  options: { shuffle?: Shuffle; seed?: number; epoch?: number },
): Int32Array {
  const { shuffle = false, seed = 0, epoch = 0 } = options;
  const order = Int32Array.from({ length: images }, (_, i) => i);
  if (shuffle === false) return order;
  return random(seed, 'shuffle', shuffle === 'once' ? 'once' : epoch).shuffle(order);
}

/** Whether images of a class follow each other far more often than chance would have it, as in folders. */
export function comesClassByClass(labels: Int32Array): boolean {
  const counts = new Map<number, number>();
  let changes = 0;
  labels.forEach((label, i) => {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    if (i > 0 && label !== labels[i - 1]) changes++;
  });
  const pairs = [...counts.values()].reduce((sum, count) => sum + (count / labels.length) ** 2, 0);
  return counts.size > 1 && changes < (labels.length * (1 - pairs)) / 4;
}

/**
 * Loads one epoch.
 * @param shape shape of the source's images
 * @throws DataError of the first image that cannot be read, when its batch is asked for
 */
export async function* loadBatches(
  source: ImageSource,
  shape: ImageShape,
  options: LoadOptions,
): AsyncGenerator<Batch> {
  const { batchSize, startBatch = 0, dropLast = false } = checkOptions(options);
  const order = epochOrder(source.length, options);
  const count = countBatches(source.length, batchSize, dropLast);
  const fill = batchFiller(source, shape, options);
  const buffers = [0, 1].map(() => new Float32Array(Math.min(batchSize, source.length) * imageBytes(shape)));
  const stopped = { now: false };
  const load = (index: number) => {
    const indices = order.slice(index * batchSize, (index + 1) * batchSize);
    const batch = fill(indices, buffers[index % 2], stopped);
    // A failure is thrown when this batch is awaited; until then it must not count as unhandled.
    batch.catch(() => {});
    return batch;
  };
  let pending = startBatch < count ? load(startBatch) : undefined;
  try {
    for (let index = startBatch; pending; index++) {
      const batch = await pending;
      pending = index + 1 < count ? load(index + 1) : undefined;
      yield batch;
    }
  } finally {
    // The caller may close the data next: no read may be left running.
    stopped.now = true;
    await pending?.catch(() => {});
  }
}

function batchFiller(source: ImageSource, shape: ImageShape, options: LoadOptions) {
  const { augment, cache, seed = 0, epoch = 0, concurrency = availableParallelism() } = options;
  const bytes = imageBytes(shape);
  const table = valueTable(shape.channels, options.normalization);
  const shelf = cache?.shelf(source, bytes);
  const spare: { interleaved: Uint8Array; planes: Uint8Array }[] = [];

  const write = (planes: Uint8Array, index: number, out: Float32Array, offset: number) => {
    if (!augment) return toValues(planes, table, out, offset);
    const draw = random(seed, 'augment', epoch, index);
    return augmentImage(planes, shape, augment, draw, { table, out, offset });
  };

  return async (indices: Int32Array, buffer: Float32Array, stopped: { now: boolean }): Promise<Batch> => {
    // Lets the caller start its work on the batch before, so that this one is prepared beside it.
    await setImmediate();
    const missing: number[] = [];
    for (let i = 0; i < indices.length; i++) {
      const planes = shelf?.get(indices[i]);
      if (planes) write(planes, indices[i], buffer, i * bytes);
      else missing.push(i);
    }
    await forEachConcurrently(missing.length, concurrency, async (k) => {
      if (stopped.now) return;
      const i = missing[k];
      const scratch = spare.pop() ?? { interleaved: new Uint8Array(bytes), planes: new Uint8Array(bytes) };
      await source.read(indices[i], scratch.interleaved);
      toPlanes(scratch.interleaved, shape, scratch.planes);
      shelf?.put(indices[i], scratch.planes);
      write(scratch.planes, indices[i], buffer, i * bytes);
      spare.push(scratch);
    });
    return {
      images: buffer.subarray(0, indices.length * bytes),
      labels: indices.map((index) => source.labels[index]),
      indices,
      size: indices.length,
    };
  };
}

function checkOptions(options: LoadOptions): LoadOptions {
  const require = (name: 'batchSize' | 'startBatch' | 'epoch' | 'concurrency', least: number) => {
    const value = options[name];
    if (value === undefined || (Number.isInteger(value) && value >= least)) return;
    throw new SomaError(mismatch(name, `a whole number of ${least} or more`, value).message, EXIT.usage);
  };
  require('batchSize', 1);
  require('startBatch', 0);
  require('epoch', 0);
  require('concurrency', 1);
  if (options.augment) checkAugmentOptions(options.augment);
  return options;
}
