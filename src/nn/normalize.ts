/** Images in [0, 1] to mean 0 and deviation 1 a channel, by the statistics of a whole data set. */
import { mismatch } from '../errors.ts';
import type { Value } from '../graph/value.ts';
import { add, mul } from '../ops/elementwise.ts';

export interface ImageStatistics {
  /** One number a channel. */
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** (x − mean) / deviation for an image [N, C, H, W]. Throws where the number of channels is another, or a deviation is not above 0. */
export function normalizeImage(image: Value, { mean, deviation }: ImageStatistics): Value {
  const channels = image.shape[1];
  if (mean.length !== channels || deviation.length !== channels)
    throw mismatch(
      'normalizeImage()',
      `statistics of ${channels} channels`,
      `${mean.length} means and ${deviation.length} deviations`,
    );
  if (!deviation.every((d) => d > 0)) throw mismatch('normalizeImage()', 'deviations above 0', deviation);
  const perChannel = (of: (c: number) => number) =>
    image.graph.constant([channels, 1, 1], Float32Array.from(mean.keys(), of));
  const scaled = mul(
    image,
    perChannel((c) => 1 / deviation[c]),
  );
  return add(
    scaled,
    perChannel((c) => -mean[c] / deviation[c]),
  );
}
