/**
 * Percentile bootstrap (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13): N images are
 * drawn with replacement from the N of the test set, B times, and the 2.5th and 97.5th percentiles of a
 * figure over the resamples bound its 95 % interval.
 *
 * A resample is a vector of multiplicities — how often each image was drawn — and not a list of indices:
 * a weighted figure needs no copy of the images, and what is sorted once stays sorted for every resample.
 * All figures of one call see the same resamples.
 */
import { SomaError } from '../errors.ts';
import { random } from '../random.ts';

/** A figure with its 95 % interval: low ≤ value ≤ high in all but odd cases (the percentile method does not force it). */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  /** Number of resamples B, default 2000. */
  resamples?: number;
  /** Seed of the draws, default 0: the same seed and images give the same interval. */
  seed?: number;
}

/**
 * Figures of a weighted set of images, written into `out`, NaN where undefined (the AUC of a class that the
 * resample lacks). `weights[i]` is the multiplicity of image i; they add up to N.
 */
export type Statistic = (weights: Int32Array, out: Float64Array) => void;

/**
 * 95 % intervals for `size` figures at once. Resamples in which a figure is undefined are left out of its
 * percentiles; a figure that is undefined for the images themselves is null.
 * @param count number of images N
 * @param size number of figures that `statistic` writes
 */
export function bootstrap(
  count: number,
  size: number,
  statistic: Statistic,
  options: BootstrapOptions = {},
): (Estimate | null)[] {
  const { resamples = 2000, seed = 0 } = options;
  if (!(count >= 1)) throw new SomaError(`bootstrap(): expected one or more images, got ${count}`);
  if (!(Number.isInteger(resamples) && resamples >= 1)) {
    throw new SomaError(`bootstrap(): expected a whole number of resamples above 0, got ${resamples}`);
  }

  const weights = new Int32Array(count).fill(1);
  const values = new Float64Array(size);
  statistic(weights, values);

  const draws = Array.from({ length: size }, () => new Float64Array(resamples));
  const defined = new Int32Array(size);
  const out = new Float64Array(size);
  const generator = random(seed, 'bootstrap', count);
  for (let b = 0; b < resamples; b++) {
    weights.fill(0);
    for (let i = 0; i < count; i++) weights[generator.int(count)]++;
    statistic(weights, out);
    for (let f = 0; f < size; f++) {
      if (!Number.isNaN(out[f])) draws[f][defined[f]++] = out[f];
    }
  }
  return draws.map((all, f) => {
    if (Number.isNaN(values[f]) || defined[f] === 0) return null;
    const sorted = all.subarray(0, defined[f]).sort();
    return { value: values[f], low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
  });
}

/** Quantile of ascending values with linear interpolation (type 7 of Hyndman & Fan, numpy's default). */
export function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}
