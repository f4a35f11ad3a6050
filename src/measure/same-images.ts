/** Whether two sets of predictions are about the same images: what every comparison and every ensemble rests on. */
import { mismatch } from '../errors.ts';
import type { Predictions } from './predictions.ts';

/**
 * Throws a SomaError, naming the first thing that differs, if classes, image names, their order or their labels are not
 * the same.
 * @param where what an error calls the second one, e.g. the function or the run
 */
export function checkSameImages(first: Predictions, second: Predictions, where: string): void {
  const advice = 'evaluate both runs on the same images';
  const k = first.classes.findIndex((name, index) => second.classes[index] !== name);
  if (k >= 0 || first.classes.length !== second.classes.length) {
    throw mismatch(where, `the same classes ${first.classes.join(', ')}`, second.classes.join(', '), advice);
  }
  const count = Math.min(first.labels.length, second.labels.length);
  for (let i = 0; i < count; i++) {
    if (first.names[i] !== second.names[i]) {
      throw mismatch(where, `the same images, ${first.names[i]} in row ${i + 1}`, second.names[i], advice);
    }
    if (first.labels[i] !== second.labels[i]) {
      const [mine, theirs] = [first.classes[first.labels[i]], second.classes[second.labels[i]]];
      throw mismatch(where, `the same label of image ${first.names[i]}, ${mine}`, theirs, advice);
    }
  }
  if (first.labels.length !== second.labels.length) {
    const longer = first.labels.length > count ? first : second;
    const lengths = `${first.labels.length} and ${second.labels.length}`;
    throw mismatch(
      where,
      'as many images in both runs',
      `${lengths}, ${longer.names[count]} in one only`,
      advice,
    );
  }
}
