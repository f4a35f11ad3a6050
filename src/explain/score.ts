/** What is explained: a number for each image and class, as a value of the network, or from its outputs. */

import type { Feed } from '../engine/engine.ts';
import { mismatch } from '../errors.ts';
import { f32, type Value } from '../graph/value.ts';
import { crossEntropy } from '../ops/cross-entropy.ts';
import { affine, mul } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import { softmax } from '../ops/softmax.ts';
import { lookInto, type Network } from './network.ts';

/**
 * `logit`: what goes into the softmax, as Selvaraju et al. have it. `probability`: what comes out, as paper (c); it hardly
 * moves where the network is sure. `loss`: −ln of that, as paper (d); it falls where the class becomes likelier, so heat
 * speaks against.
 */
export const SCORES = ['logit', 'probability', 'loss'] as const;
export type Score = (typeof SCORES)[number];

/** The sum of the scores of a batch, each of its own class: rows do not touch each other, so gradients are each image's. */
export function tracedScore(score: Score, logits: Value): Value {
  const { graph, shape } = logits;
  if (score === 'loss') {
    const labels = graph.input('classes', { dtype: 'i32', shape: [shape[0]], time: null, format: 'flat' });
    return affine(crossEntropy(logits, labels).loss, shape[0]);
  }
  const wanted = graph.input('wanted', f32(shape));
  const of = score === 'logit' ? logits : softmax(logits);
  return reduceSum(mul(of, wanted), { axes: [0, 1] });
}

/** What `tracedScore` has to be fed for the wanted class of each image. */
export function scoreFeeds(classes: readonly number[], count: number): Record<'classes' | 'wanted', Feed> {
  const wanted = new Float32Array(classes.length * count);
  classes.forEach((k, i) => {
    if (!(k >= 0 && k < count)) throw mismatch('explain', `a class from 0 to ${count - 1}`, k);
    wanted[i * count + k] = 1;
  });
  return { classes: Int32Array.from(classes), wanted };
}

/** Logits and probabilities, a row for each image. */
export interface Answers {
  readonly logits: Float32Array;
  readonly probabilities: Float32Array;
}

/** Asks the network about images [n, C, H, W]. */
export type Ask = (images: Float32Array) => Promise<Answers>;

/** Images that are asked about at once. */
const BATCH = 32;

export async function openAsking(network: Network): Promise<Ask> {
  const window = await lookInto(network, ({ logits }) => ({ logits }), BATCH);
  const { channels, height, width, classes } = network.spec;
  return async (images) => {
    const rows = images.length / (channels * height * width);
    const answers = {
      logits: new Float32Array(rows * classes),
      probabilities: new Float32Array(rows * classes),
    };
    await window.show(images, {}, (seen) => {
      for (const name of ['logits', 'probabilities'] as const) {
        const read = seen.read(name);
        for (let i = 0; i < seen.rows * classes; i++) answers[name][seen.from * classes + i] = read[i];
      }
    });
    return answers;
  };
}

/** The score of a class for image `row`. */
export function scoreOf(score: Score, answers: Answers, row: number, k: number, classes: number): number {
  const at = row * classes + k;
  if (score === 'logit') return answers.logits[at];
  if (score === 'probability') return answers.probabilities[at];
  const logits = answers.logits.subarray(row * classes, (row + 1) * classes);
  const highest = Math.max(...logits);
  return Math.log(logits.reduce((sum, x) => sum + Math.exp(x - highest), 0)) + highest - logits[k];
}
