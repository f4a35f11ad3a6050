/** Data of which there is not enough: what `soma data check` lists, and what a training refuses before its first step. */
import type { Dataset } from './dataset.ts';
import { DataError, type Severity } from './fault.ts';

/**
 * What nothing can be learnt from, and what nothing can be chosen or tested by.
 * @param isChosen whether validation is to choose among epochs
 */
export function tooFew({ name, classes, splits, splitting }: Dataset, isChosen = true): DataError[] {
  const few = (expected: string, got: number, advice: string, severity: Severity, where = name) =>
    new DataError('wrong-count', where, { expected, got: got === 0 ? 'none' : got, advice, severity });
  const share = 'add images, or let splits be drawn with other --ratios';
  return [
    ...(classes.length < 2
      ? [few('two or more classes', classes.length, 'make a folder for each class', 'error')]
      : []),
    ...(splits.train.length === 0 ? [few('training images', 0, share, 'error')] : []),
    ...(splits.val.length === 0 && isChosen ? [few('validation images', 0, share, 'error')] : []),
    ...(splits.test.length === 0 ? [few('test images', 0, share, 'warning')] : []),
    ...(splitting?.drawn ?? []).flatMap((split) => {
      const present = new Set(splits[split].labels);
      const absent = classes.filter((_, k) => !present.has(k));
      const advice = `add images of ${absent.join(', ')}: without, nobody can say how well it is known`;
      return splits[split].length > 0 && absent.length > 0
        ? [
            few(
              `${split} images of all ${classes.length} classes`,
              classes.length - absent.length,
              advice,
              'warning',
              `${name}, ${split}`,
            ),
          ]
        : [];
    }),
  ];
}
