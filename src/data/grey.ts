/** A colour data set read as a grey one: BT.601 luma of each image. */
import type { Dataset, ImageSource } from './dataset.ts';
import { imageBytes, writeChannels } from './image.ts';

/** The same images, splits and fingerprint with one channel; the data set itself where it has one already. */
export function asGrey(dataset: Dataset): Dataset {
  if (dataset.channels === 1) return dataset;
  const { height, width, channels } = dataset;
  const stored = { height, width, channels };
  const grey = (source: ImageSource): ImageSource => ({
    length: source.length,
    labels: source.labels,
    name: (index) => source.name(index),
    async read(index, target) {
      const data = new Uint8Array(imageBytes(stored));
      await source.read(index, data);
      writeChannels({ ...stored, data }, target, 1);
    },
  });
  const { train, val, test } = dataset.splits;
  return {
    ...dataset,
    channels: 1,
    splits: { train: grey(train), val: grey(val), test: grey(test) },
    close: () => dataset.close(),
  };
}
