/** Data of another source with the classes of a network: matched by name, whatever their order. */
import { mismatch, SomaError } from '../errors.ts';
import { type Dataset, type ImageSource, pick, SPLITS } from './dataset.ts';

export interface AsClassesOptions {
  /** Leave out images of classes that are not among these, instead of throwing. */
  readonly ignoreUnknown?: boolean;
}

/** Images per class that `classes` lacks, in the order of the data. */
export function unknownClasses({ classes: own, splits }: Dataset, classes: readonly string[]) {
  const counts = new Map<string, number>();
  for (const split of SPLITS)
    for (const label of splits[split].labels)
      if (!classes.includes(own[label])) counts.set(own[label], (counts.get(own[label]) ?? 0) + 1);
  return counts;
}

/**
 * The same images with labels that are indices in `classes`. Classes without images may be missing on either side.
 * @throws SomaError naming the classes that are not among them
 */
export function asClasses(
  dataset: Dataset,
  classes: readonly string[],
  options: AsClassesOptions = {},
): Dataset {
  if (dataset.classes.join('\n') === classes.join('\n')) return dataset;
  const unknown = unknownClasses(dataset, classes);
  if (unknown.size > 0 && !options.ignoreUnknown) {
    const listed = [...unknown].map(([name, images]) => `${name} (${images} images)`).join(', ');
    throw mismatch(
      dataset.name,
      `images of the classes that the run knows, ${classes.join(', ')}`,
      listed,
      'rename the classes, or leave these images out with --ignore-unknown where a command has it',
    );
  }
  const renumber = (source: ImageSource): ImageSource => {
    const kept = [...source.labels.keys()].filter((i) => classes.includes(dataset.classes[source.labels[i]]));
    const labels = Int32Array.from(kept, (i) => classes.indexOf(dataset.classes[source.labels[i]]));
    return pick(source, kept, labels);
  };
  const { train, val, test } = dataset.splits;
  const splits = { train: renumber(train), val: renumber(val), test: renumber(test) };
  if (SPLITS.every((split) => splits[split].length === 0))
    throw new SomaError(`${dataset.name}: expected images of ${classes.join(', ')}, got none`);
  return { ...dataset, classes, splits, close: () => dataset.close() };
}
