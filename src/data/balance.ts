/** Against imbalance of classes: weights w_c = N / (K · n_c), the "balanced" rule of King and Zeng (2001), and what is missing. */
import { mismatch } from '../errors.ts';

/**
 * @param labels class index of each training image
 * @param classes names of the K classes
 * @returns K weights; their mean over the images is 1
 * @throws SomaError naming a class without images, or a label outside the classes
 */
export function classWeights(labels: Int32Array, classes: readonly string[]): Float32Array {
  const counts = new Float64Array(classes.length);
  for (let i = 0; i < labels.length; i++) {
    if (!(labels[i] in counts)) {
      throw mismatch('classWeights()', `labels from 0 to ${classes.length - 1}`, `${labels[i]} at ${i}`);
    }
    counts[labels[i]]++;
  }
  const empty = counts.indexOf(0);
  if (empty >= 0) {
    throw mismatch(
      'classWeights()',
      'images of every class',
      `none of class ${empty} (${classes[empty]})`,
      'add images of it, leave the class out, or train without class weights',
    );
  }
  return Float32Array.from(counts, (count) => labels.length / (classes.length * count));
}

export interface Missing {
  /** Images of the class. */
  readonly members: readonly number[];
  /** New ones that it needs. */
  readonly count: number;
}

/** For each class, its images and how many it lacks. Throws where a class has none to begin with. */
export function missingImages(labels: Int32Array, target: number | null): Missing[] {
  const members: number[][] = [];
  labels.forEach((label, i) => {
    while (members.length <= label) members.push([]);
    members[label].push(i);
  });
  const empty = members.findIndex((images) => images.length === 0);
  if (empty >= 0) throw mismatch('oversample', 'images of every class', `none of class ${empty}`, 'add some');
  const wanted = target ?? Math.max(...members.map((images) => images.length));
  return members.map((images) => ({ members: images, count: Math.max(0, wanted - images.length) }));
}
