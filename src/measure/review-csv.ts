/**
 * A review as a table: every image that a network was asked about or that is worth a look, worst first, with empty
 * columns for decisions, so that the filled-in table goes into `soma data relabel --decisions` as it is.
 */
import { formatCsv } from '../csv.ts';
import { scoreColumns } from './predictions-csv.ts';
import type { Review, ReviewedImage } from './review.ts';

const COLUMNS = [
  ...['image', 'split', 'label', 'suggested', 'decision', 'to', 'why', 'kinds'],
  ...['self_confidence', 'normalized_margin', 'confidence_weighted_entropy', 'by_noise_rate', 'by_class'],
  ...['group', 'distance', 'sha256'],
];

export function formatReview({ classes, images }: Review): string {
  const listed = images.filter(({ scores, kinds }) => scores !== null || kinds.length > 0);
  const row = ({ scores, ...image }: ReviewedImage) => [
    ...[image.image, image.split, classes[image.label]],
    image.suggested === null ? '' : classes[image.suggested],
    ...['', '', ''],
    image.kinds.join(' '),
    ...(scores
      ? [scores.selfConfidence, scores.normalizedMargin, scores.confidenceWeightedEntropy].map(String)
      : ['', '', '']),
    ...(scores ? [scores.byNoiseRate, scores.byClass].map((flag) => (flag ? '1' : '0')) : ['', '']),
    image.group === null ? '' : `${image.group + 1}`,
    `${image.distance}`,
    image.sha256,
    ...classes.map((_, k) => (scores ? `${scores.probabilities[k]}` : '')),
  ];
  return formatCsv([[...COLUMNS, ...scoreColumns(classes)], ...listed.map(row)]);
}
