/**
 * What a classifier said about a split of images: one row of K class probabilities for each of N images,
 * row-major, with the true label and the image's name. Everything in `measure/` starts from this.
 */
import { mismatch } from '../errors.ts';

export interface Predictions {
  /** Names of the K classes, in label order, all different. */
  readonly classes: readonly string[];
  /** True class index of each image, length N. */
  readonly labels: Int32Array;
  /** Class probabilities, N × K row-major; a row sums to 1 up to rounding. */
  readonly scores: Float32Array | Float64Array;
  /** Name of each image, length N, all different. */
  readonly names: readonly string[];
}

/**
 * Throws unless lengths agree, labels and scores are in range, and class and image names are unique.
 * @param where what an error calls these predictions, e.g. the file they came from
 */
export function checkPredictions(predictions: Predictions, where = 'predictions'): void {
  const { classes, labels, scores, names } = predictions;
  const count = labels.length;
  if (classes.length < 2) throw mismatch(where, 'two or more classes', classes.length);
  if (count === 0) throw mismatch(where, 'one or more images', 'none');
  if (names.length !== count) throw mismatch(where, `${count} image names, one a label`, names.length);
  if (scores.length !== count * classes.length) {
    throw mismatch(where, `${count} × ${classes.length} scores`, scores.length);
  }
  const twiceClass = firstRepeated(classes);
  if (twiceClass !== undefined) throw mismatch(where, 'class names that differ', `${twiceClass} twice`);
  const twiceName = firstRepeated(names);
  if (twiceName !== undefined) throw mismatch(where, 'image names that differ', `${twiceName} twice`);
  for (let i = 0; i < count; i++) {
    const row = `${where}, image ${names[i]} (row ${i + 1})`;
    if (labels[i] < 0 || labels[i] >= classes.length) {
      throw mismatch(row, `a label from 0 to ${classes.length - 1}`, labels[i]);
    }
    for (let k = 0; k < classes.length; k++) {
      const score = scores[i * classes.length + k];
      // Written so that NaN fails too; the margin admits rounding of a softmax in single precision.
      if (!(score >= 0 && score <= 1 + 1e-5)) {
        throw mismatch(row, `a probability of ${classes[k]} between 0 and 1`, score);
      }
    }
  }
}

function firstRepeated(words: readonly string[]): string | undefined {
  const seen = new Set<string>();
  for (const word of words) {
    if (seen.has(word)) return word;
    seen.add(word);
  }
  return undefined;
}

/** Index of the most probable class of each image, length N; the lowest index where several tie. */
export function predictedClasses(predictions: Predictions): Int32Array {
  const { labels, scores, classes } = predictions;
  const predicted = new Int32Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    const row = i * classes.length;
    let best = 0;
    for (let k = 1; k < classes.length; k++) if (scores[row + k] > scores[row + best]) best = k;
    predicted[i] = best;
  }
  return predicted;
}
