/**
 * Rows that lie far from all others: mean distance to the nearest neighbours (Ramaswamy et al. 2000), and those beyond
 * Tukey's outer fence of its logarithm, because distances are skewed.
 */
import { random } from '../random.ts';

const NEIGHBOURS = 10;
/** Rows that neighbours are looked for among, so that time grows with the number of rows and not with its square. */
const REFERENCES = 4096;

export interface Outliers {
  /** Mean Euclidean distance to the 10 nearest of up to 4096 other rows that the seed draws, over its median. */
  readonly distances: Float64Array;
  /** Third quartile plus three times the interquartile range, of logarithms; rows whose distance is larger are outliers. */
  readonly fence: number;
}

/** @param values rows × size */
export function findOutliers(values: Float32Array, size: number, seed = 0): Outliers {
  const count = values.length / size;
  const order = random(seed, 'outliers').shuffle(Int32Array.from({ length: count }, (_, i) => i));
  const references = order.slice(0, REFERENCES);
  const distances = new Float64Array(count);
  for (let i = 0; i < count; i++) distances[i] = neighbourDistance(values, size, i, references);
  const sorted = distances.toSorted();
  const at = (share: number) => sorted[Math.floor(share * (count - 1))] ?? 0;
  const median = at(0.5) || 1;
  const [low, high] = [at(0.25) / median, at(0.75) / median];
  const fence = low > 0 ? high * (high / low) ** 3 : Number.POSITIVE_INFINITY;
  return { distances: distances.map((distance) => distance / median), fence };
}

function neighbourDistance(values: Float32Array, size: number, i: number, references: Int32Array): number {
  const nearest = new Float64Array(NEIGHBOURS).fill(Number.POSITIVE_INFINITY);
  const last = NEIGHBOURS - 1;
  for (const j of references) {
    if (j === i) continue;
    let square = 0;
    for (let a = i * size, b = j * size, end = a + size; a < end && square < nearest[last]; a++, b++)
      square += (values[a] - values[b]) ** 2;
    if (square >= nearest[last]) continue;
    let at = last;
    while (at > 0 && nearest[at - 1] > square) {
      nearest[at] = nearest[at - 1];
      at--;
    }
    nearest[at] = square;
  }
  const found = nearest.filter(Number.isFinite);
  return found.reduce((sum, square) => sum + Math.sqrt(square), 0) / Math.max(1, found.length);
}
