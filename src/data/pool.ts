/** The images of several splits as one source, and the way back from its indices. */
import { contentHash, type Dataset, type ImageSource, SPLITS, type Split } from './dataset.ts';

export interface Place {
  readonly split: Split;
  /** Within the split. */
  readonly index: number;
}

export interface Pool {
  readonly source: ImageSource;
  locate(index: number): Place;
}

/** @param splits default: all; they lie one behind another in the order of `SPLITS` */
export function poolSplits({ splits }: Pick<Dataset, 'splits'>, wanted: readonly Split[] = SPLITS): Pool {
  const pooled = SPLITS.filter((split) => wanted.includes(split));
  const locate = (index: number): Place => {
    let rest = index;
    for (const split of pooled) {
      if (rest < splits[split].length) return { split, index: rest };
      rest -= splits[split].length;
    }
    throw new RangeError(`image ${index} of the pooled splits`);
  };
  const labels = Int32Array.from(pooled.flatMap((split) => [...splits[split].labels]));
  const source: ImageSource = {
    length: labels.length,
    labels,
    name(index) {
      const place = locate(index);
      return splits[place.split].name(place.index);
    },
    read(index, target) {
      const place = locate(index);
      return splits[place.split].read(place.index, target);
    },
    ...(pooled.every((split) => splits[split].contentHash)
      ? {
          contentHash(index: number) {
            const place = locate(index);
            return contentHash(splits[place.split], place.index);
          },
        }
      : {}),
  };
  return { source, locate };
}
