/** Class weights against imbalance: w_c = N / (K · n_c), the "balanced" rule of King and Zeng (2001). */
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
