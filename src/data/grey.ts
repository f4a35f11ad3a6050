/** A colour data set read as a grey one: BT.601 luma of each image. */
import { contentHash, type Dataset, type ImageSource, readImage, readThrough } from './dataset.ts';
import { writeChannels } from './image.ts';

/** The same images, splits and fingerprint with one channel; the data set itself where it has one already. */
export function asGrey(dataset: Dataset): Dataset {
  if (dataset.channels === 1) return dataset;
  const grey = (source: ImageSource): ImageSource => ({
    ...readThrough(source, async (index, target) =>
      writeChannels(await readImage(source, dataset, index), target, 1),
    ),
    ...(source.contentHash ? { contentHash: (index: number) => contentHash(source, index) } : {}),
  });
  const { train, val, test } = dataset.splits;
  return {
    ...dataset,
    channels: 1,
    splits: { train: grey(train), val: grey(val), test: grey(test) },
    close: () => dataset.close(),
  };
}
