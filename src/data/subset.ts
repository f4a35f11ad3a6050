/** Some images of a split in place of all. */
import type { Dataset, ImageSource, Split } from './dataset.ts';

/** The images at `indices`, in that order, under their own names. */
function chosenFrom(source: ImageSource, indices: readonly number[]): ImageSource {
  return {
    length: indices.length,
    labels: Int32Array.from(indices, (index) => source.labels[index]),
    read: (index, target) => source.read(indices[index], target),
    name: (index) => source.name(indices[index]),
  };
}

/**
 * The data with at most `images` images in a split, evenly spaced over it: folders hold class after class, so that the
 * first ones would be of one class.
 */
export function withSpaced(dataset: Dataset, split: Split, images: number | undefined): Dataset {
  const source = dataset.splits[split];
  if (images === undefined || images >= source.length) return dataset;
  const indices = Array.from({ length: images }, (_, i) => Math.floor(((i + 0.5) / images) * source.length));
  return { ...dataset, splits: { ...dataset.splits, [split]: chosenFrom(source, indices) } };
}
