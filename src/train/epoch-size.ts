/** Images of an epoch of training, with those that the settings make for it. */
import type { RunConfig } from './config.ts';

/** @param counts training images of each class */
export function imagesOfEpoch(
  { offlineAugment, oversample }: RunConfig['settings'],
  counts: readonly number[],
): number {
  if (oversample) {
    const target = oversample.target ?? Math.max(...counts);
    return sum(counts.map((count) => Math.max(count, target)));
  }
  return sum(counts) * (1 + (offlineAugment?.copies ?? 0));
}

/** What to know of oversampling that makes no image. */
export function idleOversampling(
  settings: RunConfig['settings'],
  counts: readonly number[],
): string | undefined {
  if (!settings.oversample || imagesOfEpoch(settings, counts) > sum(counts)) return undefined;
  const target = settings.oversample.target ?? Math.max(...counts);
  return `oversample makes no image, no class has fewer than ${target} to learn from: the network learns as without it`;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
