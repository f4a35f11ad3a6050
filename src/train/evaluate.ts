/** Running a network over a split without training it. */
import type { PixelCache } from '../data/cache.ts';
import type { Dataset, Split } from '../data/dataset.ts';
import { type Batch, loadBatches } from '../data/loader.ts';
import type { Fetched, Program, Session } from '../engine/engine.ts';
import { mismatch, type SomaError } from '../errors.ts';
import type { Predictions } from '../measure/predictions.ts';
import { findNonFinite } from './non-finite.ts';
import { beginPass } from './pass.ts';
import { rateOutput } from './step.ts';

export interface Evaluation {
  readonly predictions: Predictions;
  /** Mean −ln p(true class) in nats, without class weights. */
  readonly loss: number;
  readonly accuracy: number;
  /** Mean firing rate of each spiking layer. */
  readonly rates: Readonly<Record<string, number>>;
}

export interface EvaluateOptions {
  readonly session: Session;
  /** Plan of `evaluationStep`. */
  readonly program: Program;
  /** One for the images of a last batch that is not full: needed where images of a batch see each other. */
  readonly remainder?: (images: number) => Program;
  readonly dataset: Dataset;
  readonly split: Split;
  readonly seed: number;
  readonly cache?: PixelCache;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Images in one step of evaluation, where there are as many. */
const LARGEST_BATCH = 64;

/** Batch size for a split of so many images: a small split is one full batch, so that nothing is filled up. */
export function evaluationBatch(images: number): number {
  return Math.max(1, Math.min(LARGEST_BATCH, images));
}

/** Smallest probability that counts, so that one image cannot make the loss infinite. */
const FLOOR = 1e-12;

/** What a program made of a batch. */
interface Visit {
  readonly batch: Batch;
  /** That ran: `read` its outputs; rows beyond the batch are of images that are not there. */
  readonly program: Program;
  /** Images before this batch. */
  readonly done: number;
  /** Whether the batch is as large as those before it. */
  readonly full: boolean;
  /** Layer and op of the first number that is not finite. */
  nonFinite(): Promise<string>;
}

/**
 * Runs a program over a split. The last batch is filled up with zeros, whose results are to be thrown away; where images
 * of a batch see each other, it has a program of its own.
 */
async function forEachBatch(options: EvaluateOptions, visit: (v: Visit) => Promise<void>): Promise<void> {
  const { dataset, split, seed } = options;
  const source = dataset.splits[split];
  const batchSize = options.program.plan.inputs.get('images')?.shape[0] ?? 1;
  const mixes = options.program.plan.steps.some(({ nodes }) =>
    nodes.some(({ op, attrs }) => op.couplesRows?.(attrs)),
  );
  beginPass(options.session, options.program.plan.variables);
  const images = new Float32Array(batchSize * dataset.channels * dataset.height * dataset.width);
  const labels = new Int32Array(batchSize);
  let done = 0;
  for await (const batch of loadBatches(source, dataset, { batchSize, cache: options.cache })) {
    const rng = Int32Array.of(seed, done);
    const own = mixes && batch.size < batchSize ? options.remainder?.(batch.size) : undefined;
    const program = own ?? options.program;
    if (!own) {
      images.fill(0).set(batch.images);
      labels.fill(0).set(batch.labels);
    }
    const feeds = own ? { images: batch.images, labels: batch.labels, rng } : { images, labels, rng };
    await program.run(feeds);
    const full = batch.size === batchSize;
    await visit({ batch, program, done, full, nonFinite: () => findNonFinite(program, feeds) });
    done += batch.size;
    options.onProgress?.(done, source.length);
  }
}

/**
 * Firing rates are means over the whole network's batch, so they leave out a batch that was filled up.
 * @throws SomaError naming the layer where a probability is not finite
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { dataset, split } = options;
  const source = dataset.splits[split];
  const classes = dataset.classes.length;
  const layers = spikingLayers(options.program);
  const scores = new Float32Array(source.length * classes);
  const sums = { loss: 0, correct: 0, weight: 0, rates: layers.map(() => 0) };
  await forEachBatch(options, async ({ batch, program, done, full, nonFinite }) => {
    const probabilities = program.read('probabilities').subarray(0, batch.size * classes);
    if (!probabilities.every(Number.isFinite)) throw notFinite(split, 'probabilities', await nonFinite());
    scores.set(probabilities, done * classes);
    for (let i = 0; i < batch.size; i++) {
      const row = probabilities.subarray(i * classes, (i + 1) * classes);
      sums.loss -= Math.log(Math.max(FLOOR, row[batch.labels[i]]));
      if (argmax(row) === batch.labels[i]) sums.correct++;
    }
    // Rates of a batch that was filled up would count empty images.
    if (full || done === 0) {
      sums.weight += batch.size;
      layers.forEach((layer, i) => {
        sums.rates[i] += program.read(rateOutput(layer))[0] * batch.size;
      });
    }
  });
  const images = Math.max(1, source.length);
  const names = Array.from({ length: source.length }, (_, i) => source.name(i));
  return {
    predictions: { classes: [...dataset.classes], labels: source.labels, scores, names },
    loss: sums.loss / images,
    accuracy: sums.correct / images,
    rates: Object.fromEntries(layers.map((layer, i) => [layer, sums.rates[i] / Math.max(1, sums.weight)])),
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
  options: EvaluateOptions,
  see?: (visit: Visit) => void,
): Promise<ReconstructionErrors> {
  const images = Math.max(1, options.dataset.splits[options.split].length);
  const sums = { loss: 0, mae: 0 };
  await forEachBatch(options, async (visit) => {
    const { batch, program, nonFinite } = visit;
    const squared = program.read('squared').subarray(0, batch.size);
    const absolute = program.read('absolute').subarray(0, batch.size);
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
