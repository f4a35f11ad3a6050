/** Predictions about different images as one: of folds, or of what each of several runs held out. */
import { mismatch } from '../errors.ts';
import { checkPredictions, type Predictions } from './predictions.ts';

/**
 * Every image once, in the order in which they come; the mean of its probabilities where several are about it.
 * @throws SomaError where classes or the labels of an image differ
 */
export function joinPredictions(parts: readonly Predictions[]): Predictions {
  const [{ classes }] = parts;
  const rows = new Map<string, { label: number; sum: Float64Array; count: number }>();
  for (const part of parts) {
    checkPredictions(part, 'joinPredictions()');
    if (part.classes.join('\n') !== classes.join('\n'))
      throw mismatch(
        'joinPredictions()',
        `the classes ${classes.join(', ')}`,
        part.classes.join(', '),
        'name runs of the same data',
      );
    part.names.forEach((name, i) => {
      const label = part.labels[i];
      const row = rows.get(name) ?? { label, sum: new Float64Array(classes.length), count: 0 };
      if (row.label !== label)
        throw mismatch(
          `joinPredictions(), ${name}`,
          `the same label, ${classes[row.label]}`,
          classes[label],
          'name runs with the same log of labels',
        );
      for (let k = 0; k < classes.length; k++) row.sum[k] += part.scores[i * classes.length + k];
      row.count++;
      rows.set(name, row);
    });
  }
  const scores = new Float64Array(rows.size * classes.length);
  [...rows.values()].forEach(({ sum, count }, i) => {
    scores.set(
      sum.map((p) => p / count),
      i * classes.length,
    );
  });
  const labels = Int32Array.from(rows.values(), ({ label }) => label);
  return { classes, labels, names: [...rows.keys()], scores };
}
