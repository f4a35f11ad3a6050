/**
 * Augmentation: random flips, rotation, shift, zoom and crop with padding, composed into one map and sampled
 * once. On line the draw of an image is keyed by seed, epoch and index, so a resumed run sees the same bits;
 * off line, `withAugmentedCopies` appends changed copies of the training images that stay the same all run.
 */
import { EXIT, mismatch, nearest, SomaError } from '../errors.ts';
import { type Random, random } from '../random.ts';
import type { ImageSource } from './dataset.ts';
import { type ImageShape, imageBytes } from './image.ts';
import { toPlanes, type ValueTable } from './planar.ts';
import { affineMap, type Fill, warp } from './warp.ts';

export interface AugmentOptions {
  /** Mirror left to right with probability one half. */
  flipHorizontal?: boolean;
  /** Mirror top to bottom with probability one half. */
  flipVertical?: boolean;
  /** Turn by up to ± this many degrees, 0 to 180. */
  rotation?: number;
  /** Shift by up to ± this fraction of width and of height, 0 to below 1. */
  shift?: number;
  /** Magnify by 1 ± up to this fraction, the same in both directions, 0 to below 1. */
  zoom?: number;
  /** Pad by so many pixels on each side and crop a random window of the old size, 0 or more. */
  cropPadding?: number;
  /** What is seen outside the image. Default `nearest`; the customary crop with padding takes `constant`. */
  fill?: Fill;
  /** Value of `constant`: 0 (black, the default) to 1 (white). */
  fillValue?: number;
}

const FILLS: readonly Fill[] = ['nearest', 'reflect', 'constant'];

const RULES: Readonly<Record<keyof AugmentOptions, { expected: string; holds(value: unknown): boolean }>> = {
  flipHorizontal: { expected: 'true or false', holds: (value) => typeof value === 'boolean' },
  flipVertical: { expected: 'true or false', holds: (value) => typeof value === 'boolean' },
  rotation: { expected: 'degrees from 0 to 180', holds: (value) => isNumber(value, 0) && value <= 180 },
  shift: { expected: 'a fraction from 0 to below 1', holds: (value) => isNumber(value, 0) && value < 1 },
  zoom: { expected: 'a fraction from 0 to below 1', holds: (value) => isNumber(value, 0) && value < 1 },
  cropPadding: {
    expected: 'whole pixels, 0 or more',
    holds: (value) => isNumber(value, 0) && Number.isInteger(value),
  },
  fill: { expected: `one of ${FILLS.join(', ')}`, holds: (value) => FILLS.some((fill) => fill === value) },
  fillValue: { expected: 'a value from 0 to 1', holds: (value) => isNumber(value, 0) && value <= 1 },
};

function isNumber(value: unknown, least: number): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= least;
}

/**
 * Checks augmentation options, e.g. from a configuration file.
 * @throws SomaError (usage) naming the first wrong option, with the nearest right name for a misspelt one
 */
export function checkAugmentOptions(
  options: Readonly<Record<string, unknown>> | AugmentOptions,
): AugmentOptions {
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(RULES, name) ? RULES[name as keyof AugmentOptions] : undefined;
    if (!rule) {
      const meant = nearest(name, Object.keys(RULES));
      const advice = meant && `did you mean ${meant}?`;
      throw usage(mismatch('augment', `options out of ${Object.keys(RULES).join(', ')}`, name, advice));
    }
    if (value !== undefined && !rule.holds(value))
      throw usage(mismatch(`augment.${name}`, rule.expected, value));
  }
  return options;
}

function usage(error: SomaError): SomaError {
  return new SomaError(error.message, EXIT.usage);
}

export interface AugmentTarget {
  readonly table: ValueTable;
  readonly out: Float32Array;
  /** Element of `out` at which the image begins. */
  readonly offset: number;
}

/** Draws a change from `draw` and writes the changed image: planar bytes (CHW) to planar values (CHW). */
export function augmentImage(
  planes: Uint8Array,
  shape: ImageShape,
  options: AugmentOptions,
  draw: Random,
  target: AugmentTarget,
): void {
  const { rotation = 0, shift = 0, zoom = 0, cropPadding = 0, fill = 'nearest', fillValue = 0 } = options;
  const within = (limit: number) => (limit > 0 ? draw.uniform(-limit, limit) : 0);
  const crop = () => (cropPadding > 0 ? draw.int(2 * cropPadding + 1) - cropPadding : 0);
  const map = affineMap(shape, {
    flipHorizontal: options.flipHorizontal === true && draw.uniform() < 0.5,
    flipVertical: options.flipVertical === true && draw.uniform() < 0.5,
    degrees: within(rotation),
    zoom: 1 + within(zoom),
    shiftX: within(shift * shape.width) + crop(),
    shiftY: within(shift * shape.height) + crop(),
  });
  warp(planes, shape, map, { ...target, fill, fillValue });
}

/**
 * A source with `copies` augmented copies of every image behind the images themselves: image
 * `k · length + i` is the k-th copy of image `i`, named `name#k`.
 * @param options.seed the same seed gives the same copies, on every reading
 */
export function withAugmentedCopies(
  source: ImageSource,
  shape: ImageShape,
  options: { copies: number; augment: AugmentOptions; seed: number },
): ImageSource {
  const { copies, augment, seed } = options;
  const { length } = source;
  if (!Number.isInteger(copies) || copies < 0) {
    throw usage(mismatch('copies', 'a whole number of copies, 0 or more', copies));
  }
  const originals = Int32Array.from({ length: length * copies }, (_, i) => i % length);
  return withAugmented(source, shape, {
    originals,
    augment,
    draw: (i) => random(seed, 'augmented-copy', 1 + Math.floor(i / length), originals[i]),
  });
}

/**
 * A source with changed images behind the images themselves: the i-th is made from image `originals[i]` with the change
 * that `draw(i)` gives, and is named `name#k` where it is the k-th of its original.
 */
export function withAugmented(
  source: ImageSource,
  shape: ImageShape,
  options: { originals: Int32Array; augment: AugmentOptions; draw: (i: number) => Random },
): ImageSource {
  const { originals, draw } = options;
  const augment = checkAugmentOptions(options.augment);
  const { length } = source;
  const copies = new Int32Array(length);
  const numbers = originals.map((original) => ++copies[original]);
  const labels = new Int32Array(length + originals.length);
  labels.set(source.labels);
  labels.set(
    originals.map((original) => source.labels[original]),
    length,
  );
  const bytes = imageBytes(shape);
  // Bytes stand for themselves here: what is interpolated is rounded back to bytes.
  const table = Float32Array.from({ length: shape.channels * 256 }, (_, i) => i & 255);
  return {
    length: labels.length,
    labels,
    name(index) {
      return index < length
        ? source.name(index)
        : `${source.name(originals[index - length])}#${numbers[index - length]}`;
    },
    async read(index, target) {
      if (index < length) return source.read(index, target);
      const i = index - length;
      await source.read(originals[i], target);
      const planes = new Uint8Array(bytes);
      toPlanes(target, shape, planes);
      const values = new Float32Array(bytes);
      augmentImage(planes, shape, augment, draw(i), { table, out: values, offset: 0 });
      const area = shape.height * shape.width;
      for (let p = 0, to = 0; p < area; p++) {
        for (let channel = 0; channel < shape.channels; channel++, to++) {
          target[to] = values[channel * area + p] + 0.5;
        }
      }
    },
  };
}
