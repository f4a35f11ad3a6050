/**
 * The confusion matrix: K × K counts, row-major, rows the true classes, columns the predicted ones.
 */

export interface ConfusionMatrix {
  /** K. */
  readonly size: number;
  /** K × K, row-major: `counts[truth * size + predicted]`. */
  readonly counts: Int32Array;
}

/**
 * Counts pairs of truth and prediction.
 * @param labels true class of each image, 0 … size − 1
 * @param predicted predicted class of each image, same length
 * @param weights how often each image counts (a bootstrap resample); once each if left out
 */
export function confusionMatrix(
  labels: Int32Array,
  predicted: Int32Array,
  size: number,
  weights?: Int32Array,
): ConfusionMatrix {
  const counts = new Int32Array(size * size);
  for (let i = 0; i < labels.length; i++) {
    counts[labels[i] * size + predicted[i]] += weights ? weights[i] : 1;
  }
  return { size, counts };
}

/** The matrix as K rows of K counts. */
export function confusionRows({ size, counts }: ConfusionMatrix): number[][] {
  return Array.from({ length: size }, (_, truth) => [...counts.subarray(truth * size, (truth + 1) * size)]);
}

/** Each row of counts as shares of the true class (0 … 1); a row without images is all 0. */
export function rowShares(rows: readonly (readonly number[])[]): number[][] {
  return rows.map((row) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count) => (total === 0 ? 0 : count / total));
  });
}
