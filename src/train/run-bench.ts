/**
 * How long a trained network takes and how large it is: its own weights on real images, because event-driven kernels get
 * slower as neurons fire more, and how much they fire is learnt.
 */
import { stat } from 'node:fs/promises';
import { z } from 'zod';
import type { Dataset } from '../data/dataset.ts';
import type { Engine } from '../engine/engine.ts';
import { size, type Variable } from '../graph/value.ts';
import { latencySchema } from '../measure/latency.ts';
import { random } from '../random.ts';
import { environmentOf, environmentSchema, type RunConfig } from './config.ts';
import { loadPredictor, specOf } from './open-run.ts';
import { type RunFolder, TRAINING } from './run-folder.ts';
import { trainingStep } from './step.ts';
import { imagesToTime, TIMED, timePredictions } from './timing.ts';

const predictionSchema = z.object({
  /** Images at a time. */
  batchSize: z.int(),
  milliseconds: latencySchema,
  /** At the median time. */
  imagesPerSecond: z.number(),
  /** Bytes that the step needs at its peak. */
  memory: z.number(),
});

/** `latency.json` of a run. */
export const runBenchSchema = z.object({
  /** Steps of time of a spiking network; null of all others. */
  timeSteps: z.number().nullable(),
  /** Side of the images. */
  size: z.int(),
  /** Where the images were from. */
  images: z.string(),
  single: predictionSchema,
  batch: predictionSchema,
  bytes: z.object({
    /** Parameters as they are computed with. */
    weights: z.number(),
    /** The same with the optimizer's slots. */
    withSlots: z.number(),
    /** The checkpoint of the weights that are used, and the one with slots; null where there is none. */
    file: z.number().nullable(),
    lastFile: z.number().nullable(),
  }),
  environment: environmentSchema,
});

export type RunBench = z.output<typeof runBenchSchema>;

export interface RunBenchOptions {
  readonly run: RunFolder;
  readonly config: RunConfig;
  readonly engine: Engine;
  /** Images to predict; null: noise. */
  readonly dataset: Dataset | null;
  /** Images of the larger batch. */
  readonly batchSize: number;
  /** Time for each of the two measurements. */
  readonly seconds: number;
  readonly onProgress?: (what: string) => void;
}

export async function benchRun(options: RunBenchOptions): Promise<RunBench> {
  const { run, config, engine, dataset } = options;
  const { T } = config.options;
  return {
    timeSteps: typeof T === 'number' ? T : null,
    size: config.data.height,
    images: dataset ? dataset.name : 'noise',
    single: await benchPrediction(options, 1),
    batch: await benchPrediction(options, options.batchSize),
    bytes: await modelBytes(run, config),
    environment: environmentOf(engine.info),
  };
}

/** In a session of its own, so that its memory is its own. */
async function benchPrediction(options: RunBenchOptions, batchSize: number): Promise<RunBench['single']> {
  const { run, config, engine, seconds, onProgress } = options;
  onProgress?.(`${run.name}: ${batchSize === 1 ? '1 image' : `${batchSize} images`}`);
  const session = engine.createSession();
  try {
    const program = await loadPredictor(run, config, session, config.settings.evaluate, batchSize);
    const batches = await batchesOf(options, batchSize);
    const milliseconds = await timePredictions(session, program, batches, seconds);
    const { variables, arena, io, scratch } = session.memory();
    return {
      batchSize,
      milliseconds,
      imagesPerSecond: (1e3 * batchSize) / milliseconds.median,
      memory: variables + arena + io + scratch,
    };
  } finally {
    session.close();
  }
}

/** Batches of decoded images, all full: those that there are come again. */
async function batchesOf({ dataset, config }: RunBenchOptions, batchSize: number): Promise<Float32Array[]> {
  const { height, width, channels } = config.data;
  const values = channels * height * width;
  const count = Math.ceil(Math.max(TIMED, batchSize) / batchSize);
  if (!dataset) {
    const stream = random(0, 'noise');
    return Array.from({ length: count }, () =>
      Float32Array.from({ length: batchSize * values }, () => stream.uniform()),
    );
  }
  const { test, val, train } = dataset.splits;
  const source = [test, val, train].find(({ length }) => length > 0) ?? train;
  const seen = await imagesToTime(dataset, source, count * batchSize);
  return Array.from({ length: count }, (_, b) => {
    const batch = new Float32Array(batchSize * values);
    for (let i = 0; i < batchSize; i++) batch.set(seen[(b * batchSize + i) % seen.length], i * values);
    return batch;
  });
}

const FLOAT_BYTES = 4;

/** Bytes of the weights, in memory and on disk. */
export async function modelBytes(run: RunFolder, config: RunConfig): Promise<RunBench['bytes']> {
  const { plan } = trainingStep(specOf(config), config.settings, 1, null);
  const bytes = (...kinds: Variable['kind'][]) =>
    FLOAT_BYTES *
    plan.variables
      .filter(({ kind }) => kinds.includes(kind))
      .reduce((sum, { shape }) => sum + size(shape), 0);
  const fileBytes = (name: string) =>
    stat(run.file(name)).then(
      (file) => file.size,
      () => null,
    );
  return {
    weights: bytes('parameter'),
    withSlots: bytes('parameter', 'slot'),
    file: await fileBytes(TRAINING[config.settings.evaluate]),
    lastFile: await fileBytes(TRAINING.last),
  };
}
