/**
 * The synthetic smear as a data set: images of eight blood-cell types that exist only when they are read.
 * Image `index` of a split is drawn from the stream (seed, split, index), so any image can be drawn alone, in
 * any order, and comes out the same to the byte (under one JavaScript engine: sines and exponentials may differ
 * in the last bit between engines). Splits share no stream, hence no image.
 */
import { createHash } from 'node:crypto';
import { mismatch } from '../../errors.ts';
import { random } from '../../random.ts';
import { type Dataset, type ImageSource, SPLITS, type Split } from '../dataset.ts';
import { PBC_COUNTS, SMEAR_CLASSES } from './classes.ts';
import { type DrawnCell, drawCell, SMEAR_SIZES } from './draw.ts';

export interface SmearOptions {
  /** Pixels a side, 16 to 256; default 64. The same seed gives the same cells at every size. */
  size?: number;
  /** Images in each split, at least 8; default 1600, 320, 640. */
  images?: Partial<Record<Split, number>>;
  /** Default 0. */
  seed?: number;
  /** How far stain, light, focus, noise and neighbours vary, in [0, 1]; default 0.5. See `DrawOptions`. */
  difficulty?: number;
  /** `balanced` (default), or `pbc`: as many of each class as in the data set of Acevedo et al. */
  proportions?: 'balanced' | 'pbc';
  /** Drawn images that are kept, in bytes; what lies beyond is drawn again at each read. Default 128 MiB. */
  cacheBytes?: number;
}

/** A split that knows where the nucleus lies. */
export interface SmearSource extends ImageSource {
  /**
   * Writes the nucleus of image `index` into `target`: size × size bytes, 1 on the nucleus (of a platelet: on
   * the granulomere) and 0 elsewhere.
   */
  mask(index: number, target: Uint8Array): Promise<void>;
  /** Image and both masks of `index`, drawn afresh. */
  draw(index: number): DrawnCell;
}

export interface SmearDataset extends Dataset {
  readonly splits: Readonly<Record<Split, SmearSource>>;
}

const DEFAULTS = {
  size: 64,
  images: { train: 1600, val: 320, test: 640 },
  seed: 0,
  difficulty: 0.5,
  proportions: 'balanced',
  cacheBytes: 128 * 2 ** 20,
} as const;

/** Raised whenever the same seed begins to give other pixels. */
const DRAWING_VERSION = 1;

/**
 * Opens the synthetic smear. Nothing is drawn yet.
 * @throws SomaError naming the option that is out of range
 */
export function openSmear(options: SmearOptions = {}): SmearDataset {
  const settings = { ...DEFAULTS, ...options, images: { ...DEFAULTS.images, ...options.images } };
  check(settings);
  const { size, seed, difficulty } = settings;
  const cache = { bytesLeft: settings.cacheBytes };
  const splits = {
    train: openSplit('train', settings, cache),
    val: openSplit('val', settings, cache),
    test: openSplit('test', settings, cache),
  };
  const digest = createHash('sha256').update(`smear ${DRAWING_VERSION} ${size} ${seed} ${difficulty}`);
  digest.update(SMEAR_CLASSES.join());
  for (const split of SPLITS) digest.update(split).update(Uint8Array.from(splits[split].labels));
  return {
    name: `smear-${size}`,
    classes: SMEAR_CLASSES,
    height: size,
    width: size,
    channels: 3,
    splits,
    fingerprint: digest.digest('hex'),
    close: async () => {},
  };
}

type Settings = Required<Omit<SmearOptions, 'images'>> & { images: Record<Split, number> };

function check({ size, images, seed, difficulty, proportions, cacheBytes }: Settings): void {
  const where = 'openSmear()';
  const { smallest, largest } = SMEAR_SIZES;
  if (!Number.isInteger(size) || size < smallest || size > largest) {
    throw mismatch(where, `size from ${smallest} to ${largest} pixels`, size);
  }
  for (const [split, count] of Object.entries(images)) {
    if (!SPLITS.some((known) => known === split)) {
      throw mismatch(where, `images for ${SPLITS.join(', ')}`, split);
    }
    if (!Number.isInteger(count) || count < SMEAR_CLASSES.length) {
      const advice = 'each class needs one';
      throw mismatch(
        where,
        `images.${split} a whole number, at least ${SMEAR_CLASSES.length}`,
        count,
        advice,
      );
    }
  }
  if (!Number.isSafeInteger(seed)) throw mismatch(where, 'seed a whole number', seed);
  if (!(difficulty >= 0 && difficulty <= 1)) throw mismatch(where, 'difficulty from 0 to 1', difficulty);
  if (proportions !== 'balanced' && proportions !== 'pbc') {
    throw mismatch(where, 'proportions balanced or pbc', proportions);
  }
  if (!(cacheBytes >= 0)) throw mismatch(where, 'cacheBytes of 0 or more', cacheBytes);
}

function openSplit(split: Split, settings: Settings, cache: { bytesLeft: number }): SmearSource {
  const { size, seed, difficulty } = settings;
  const labels = drawLabels(split, settings);
  const digits = String(labels.length - 1).length;
  const name = (index: number) => {
    const number = String(index).padStart(digits, '0');
    return `${split}/${SMEAR_CLASSES[labels[index]]}/${number}.png`;
  };
  const kept: (Uint8Array | undefined)[] = [];

  const draw = (index: number): DrawnCell => {
    if (!(index in labels)) throw mismatch(`smear ${split}`, `an index below ${labels.length}`, index);
    const rng = random(seed, 'smear', split, index);
    return drawCell(SMEAR_CLASSES[labels[index]], size, rng, { difficulty });
  };
  const copy = (bytes: Uint8Array, target: Uint8Array, what: string) => {
    if (target.length !== bytes.length) {
      throw mismatch(`smear ${split} ${what}`, `room for ${bytes.length} bytes`, target.length);
    }
    target.set(bytes);
  };
  return {
    length: labels.length,
    labels,
    name,
    draw,
    async read(index, target) {
      const image = kept[index] ?? draw(index).image;
      if (!kept[index] && cache.bytesLeft >= image.length) {
        kept[index] = image;
        cache.bytesLeft -= image.length;
      }
      copy(image, target, 'image');
    },
    // The same cell at every size.
    contentHash: async (index) =>
      createHash('sha256')
        .update(`smear ${DRAWING_VERSION} ${seed} ${difficulty} ${split} ${index}`)
        .digest('hex'),
    async mask(index, target) {
      copy(draw(index).nucleusMask, target, 'mask');
    },
  };
}

/** Class of each image: the wanted counts in an order drawn from the seed. */
function drawLabels(split: Split, { images, proportions, seed }: Settings): Int32Array {
  const weights = SMEAR_CLASSES.map((cls) => (proportions === 'pbc' ? PBC_COUNTS[cls] : 1));
  const labels = new Int32Array(images[split]);
  let next = 0;
  apportion(images[split], weights).forEach((count, label) => {
    labels.fill(label, next, next + count);
    next += count;
  });
  return random(seed, 'smear labels', split).shuffle(labels);
}

/** Shares out `total` by weight: one to each first, the rest by the largest remainder. */
function apportion(total: number, weights: readonly number[]): number[] {
  const rest = total - weights.length;
  const sum = weights.reduce((a, b) => a + b);
  const exact = weights.map((weight) => (rest * weight) / sum);
  const counts = exact.map((share) => 1 + Math.floor(share));
  const left = total - counts.reduce((a, b) => a + b);
  const byRemainder = exact.map((share, k) => ({ k, remainder: share % 1 }));
  byRemainder.sort((a, b) => b.remainder - a.remainder || a.k - b.k);
  for (const { k } of byRemainder.slice(0, left)) counts[k]++;
  return counts;
}
