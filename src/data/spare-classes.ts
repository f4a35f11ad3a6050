/** More classes than the data has: outputs of a network that are never right. */
import { EXIT, mismatch, SomaError } from '../errors.ts';
import type { Dataset } from './dataset.ts';

/**
 * The same images and labels, with classes that none of them has behind those that the data names. Paper (d)'s figures for
 * CIFAR-100 were made so: its loader gave the ten classes of CIFAR-10 to heads of 100.
 * @param outputs classes in all
 * @throws SomaError where that is fewer than the data has
 */
export function withSpareClasses(dataset: Dataset, outputs: number): Dataset {
  const { classes } = dataset;
  if (outputs < classes.length) {
    const { message } = mismatch('--outputs', `at least the ${classes.length} classes of the data`, outputs);
    throw new SomaError(message, EXIT.usage);
  }
  const spare = Array.from({ length: outputs - classes.length }, (_, i) => `none ${classes.length + i + 1}`);
  return { ...dataset, classes: [...classes, ...spare], close: () => dataset.close() };
}
