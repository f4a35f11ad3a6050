/**
 * What several classifiers say together about the same images.
 *
 * - `mean`: the mean of their probabilities.
 * - `majority`: the class that most of them choose; ties are broken by the mean probability. As scores: (votes for the
 *   class + mean probability of the class) / (members + 1), as if the mean were one more voter that divides its vote.
 *   A class with more votes is always ahead, a tie goes to the larger mean, and scores sum to 1, so that AUC and log loss
 *   are defined.
 */
import { mismatch } from '../errors.ts';
import { checkPredictions, type Predictions, predictedClasses } from './predictions.ts';
import { checkSameImages } from './same-images.ts';

export const VOTES = ['mean', 'majority'] as const;
export type Vote = (typeof VOTES)[number];

export interface Member {
  /** What errors call it. */
  readonly name: string;
  readonly predictions: Predictions;
}

/**
 * The predictions of the ensemble, in double precision; the order of the members decides nothing but rounding. Throws a
 * SomaError where there are fewer than two members, or one was not about the images and classes of the first.
 */
export function combine(members: readonly Member[], vote: Vote): Predictions {
  if (members.length < 2) throw mismatch('ensemble', 'two or more members', members.length, 'name another');
  const [{ predictions: first }] = members;
  for (const { name, predictions } of members) {
    checkPredictions(predictions, name);
    checkSameImages(first, predictions, name);
  }
  const scores = new Float64Array(first.scores.length);
  for (const { predictions } of members)
    for (let i = 0; i < scores.length; i++) scores[i] += predictions.scores[i] / members.length;
  if (vote === 'majority') {
    const classes = first.classes.length;
    for (const { predictions } of members) {
      predictedClasses(predictions).forEach((chosen, image) => {
        scores[image * classes + chosen]++;
      });
    }
    for (let i = 0; i < scores.length; i++) scores[i] /= members.length + 1;
  }
  return { classes: first.classes, labels: first.labels, names: first.names, scores };
}
