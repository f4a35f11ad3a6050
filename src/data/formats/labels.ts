/**
 * Classes of data whose labels are bare numbers (npz, idx): how many there are, what they are called, and
 * which rows lie outside.
 */
import type { Split } from '../dataset.ts';
import { DataError, type FaultSink } from '../fault.ts';

export interface LabelledSplit {
  readonly labels: Int32Array;
  /** Where row `index` stands, for messages. */
  row(index: number): string;
}

/**
 * Settles the class names and reports every label outside them.
 *
 * Without known names the classes are 0…K−1 for the largest K such that each of them occurs in the training
 * labels, so that a stray 9 among labels 0…7 is a fault and not a tenth class.
 * @param known names given by the caller or by the catalog
 */
export function settleClasses(
  path: string,
  splits: Partial<Record<Split, LabelledSplit>>,
  known: readonly string[] | undefined,
  report: FaultSink,
): readonly string[] {
  const counted = splits.train ? [splits.train] : Object.values(splits);
  const present = new Set(counted.flatMap((split) => [...split.labels]));
  let count = known?.length ?? 0;
  if (!known) while (present.has(count)) count++;
  for (let label = 0; label < count; label++) {
    if (splits.train && !present.has(label)) {
      report(
        new DataError('empty-class', `${path} train`, {
          expected: `images of each of the ${count} classes`,
          got: `none of class ${label} (${known?.[label] ?? label})`,
          advice: 'add images of it or leave the class out',
        }),
      );
    }
  }
  for (const split of Object.values(splits)) {
    for (let i = 0; i < split.labels.length; i++) {
      if (split.labels[i] >= 0 && split.labels[i] < count) continue;
      report(
        new DataError('label-out-of-range', split.row(i), {
          expected: count > 0 ? `a label from 0 to ${count - 1}` : 'labels from 0 on, without gaps',
          got: split.labels[i],
          advice: 'correct the label, or give the class names if there are more classes than these',
        }),
      );
    }
  }
  return known ?? Array.from({ length: count }, (_, i) => String(i));
}
