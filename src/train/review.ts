/** What a review of labels needs to know of the images themselves: copies, appearance, hashes. Reads each image a few times. */
import { appearancesOf } from '../data/appearance.ts';
import { checkDataset } from '../data/check.ts';
import { forEachConcurrently } from '../data/concurrent.ts';
import { contentHash, type Dataset } from '../data/dataset.ts';
import { poolSplits } from '../data/pool.ts';
import { readRelabelLog } from '../data/relabel-log.ts';
import { findOutliers } from '../measure/outliers.ts';
import type { Predictions } from '../measure/predictions.ts';
import { copyGroups, type Review, type ReviewableImage, reviewLabels } from '../measure/review.ts';

const READS = 8;

/** @param predictions out of sample, about some or all images of the data as it is labelled now */
export async function reviewDataset(dataset: Dataset, predictions: Predictions): Promise<Review> {
  const { identical, near } = await checkDataset(dataset);
  const groups = copyGroups(identical, near);
  const groupOf = new Map(groups.flatMap(({ images }, g) => images.map((image) => [image, g] as const)));
  const { source, locate } = poolSplits(dataset);
  const { values, size } = await appearancesOf(source, dataset);
  const { distances, fence } = findOutliers(values, size);
  const { relabelling } = dataset;
  const decisions = relabelling && (await readRelabelLog(relabelling.log, relabelling.lines)).inForce;
  const isKept = (image: string) => {
    const decision = decisions?.get(image);
    return decision !== undefined && decision.to === decision.from;
  };
  const images: ReviewableImage[] = new Array(source.length);
  await forEachConcurrently(source.length, READS, async (i) => {
    const image = source.name(i);
    images[i] = {
      image,
      split: locate(i).split,
      label: source.labels[i],
      sha256: await contentHash(source, i),
      group: groupOf.get(image) ?? null,
      distance: distances[i],
      outlier: distances[i] > fence,
      kept: isKept(image),
    };
  });
  return reviewLabels(images, predictions, groups, { fence });
}
