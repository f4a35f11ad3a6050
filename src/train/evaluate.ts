/** Running a network over a split without training it. */
import type { Split } from '../data/dataset.ts';
import type { Fetched, Program } from '../engine/engine.ts';
import { mismatch, type SomaError } from '../errors.ts';
import type { Predictions } from '../measure/predictions.ts';
import { rateOutput } from './step.ts';
import { forEachBatch, type Visit, type VisitOptions } from './visit.ts';

export interface Evaluation {
  readonly predictions: Predictions;
  /** Mean −ln p(true class) in nats, without class weights. */
  readonly loss: number;
  readonly accuracy: number;
  /** Mean firing rate of each spiking layer. */
  readonly rates: Readonly<Record<string, number>>;
}

/** Images in one step of evaluation, where there are as many. */
const LARGEST_BATCH = 64;

/** Batch size for a split of so many images: a small split is one full batch. */
export function evaluationBatch(images: number): number {
  return Math.max(1, Math.min(LARGEST_BATCH, images));
}

/** Smallest probability that counts, so that one image cannot make the loss infinite. */
const FLOOR = 1e-12;

/**
 * @throws SomaError naming the layer where a probability is not finite
 */
export async function evaluate(options: VisitOptions): Promise<Evaluation> {
  const { dataset, split } = options;
  const source = dataset.splits[split];
  const classes = dataset.classes.length;
  const layers = spikingLayers(options.program);
  const scores = new Float32Array(source.length * classes);
  const sums = { loss: 0, correct: 0, rates: layers.map(() => 0) };
  await forEachBatch(options, async ({ batch, program, done, nonFinite }) => {
    const probabilities = program.read('probabilities');
    if (!probabilities.every(Number.isFinite)) throw notFinite(split, 'probabilities', await nonFinite());
    scores.set(probabilities, done * classes);
    for (let i = 0; i < batch.size; i++) {
      const row = probabilities.subarray(i * classes, (i + 1) * classes);
      sums.loss -= Math.log(Math.max(FLOOR, row[batch.labels[i]]));
      if (argmax(row) === batch.labels[i]) sums.correct++;
    }
    layers.forEach((layer, i) => {
      sums.rates[i] += program.read(rateOutput(layer))[0] * batch.size;
    });
  });
  const images = Math.max(1, source.length);
  const names = Array.from({ length: source.length }, (_, i) => source.name(i));
  return {
    predictions: { classes: [...dataset.classes], labels: source.labels, scores, names },
    loss: sums.loss / images,
    accuracy: sums.correct / images,
    rates: Object.fromEntries(layers.map((layer, i) => [layer, sums.rates[i] / images])),
  };
}

/** How far what a network makes again is from the images, in [0, 1]. */
export interface ReconstructionErrors {
  /** Mean squared error. */
  readonly loss: number;
  /** Mean absolute error. */
  readonly mae: number;
}

/**
 * @param see is shown each batch
 * @throws SomaError naming the layer where a pixel is not finite
 */
export async function evaluateReconstruction(
  options: VisitOptions,
  see?: (visit: Visit) => void,
): Promise<ReconstructionErrors> {
  const images = Math.max(1, options.dataset.splits[options.split].length);
  const sums = { loss: 0, mae: 0 };
  await forEachBatch(options, async (visit) => {
    const { program, nonFinite } = visit;
    const squared = program.read('squared');
    const absolute = program.read('absolute');
    if (!squared.every(Number.isFinite)) throw notFinite(options.split, 'errors', await nonFinite());
    sums.loss += sum(squared);
    sums.mae += sum(absolute);
    see?.(visit);
  });
  return { loss: sums.loss / images, mae: sums.mae / images };
}

function notFinite(split: Split, what: string, place: string): SomaError {
  return mismatch(
    `evaluate(${split})`,
    `finite ${what}`,
    `NaN or infinity from ${place}`,
    'the weights are too large: train again with a lower --lr',
  );
}

export function sum(numbers: Fetched): number {
  let total = 0;
  for (const x of numbers) total += x;
  return total;
}

/** Names of the spiking layers whose rates a plan reports, in the order of the network. */
export function spikingLayers({ plan }: Program): string[] {
  const prefix = rateOutput('');
  return [...plan.outputs.keys()]
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length));
}

/** Index of the largest number, the first of equals. */
export function argmax(row: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if (row[i] > row[best]) best = i;
  return best;
}
