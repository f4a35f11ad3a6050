/** Images of an epoch of training, with those that the settings make for it. */
import type { RunConfig } from './config.ts';

/** @param counts training images of each class */
export function imagesOfEpoch(
  { offlineAugment, oversample }: RunConfig['settings'],
  counts: readonly number[],
): number {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  if (oversample) {
    const target = oversample.target ?? Math.max(...counts);
    return sum(counts.map((count) => Math.max(count, target)));
  }
  return sum(counts) * (1 + (offlineAugment?.copies ?? 0));
}
