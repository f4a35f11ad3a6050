/**
 * The training loop: epochs of steps, validation, checkpoints. Model choice uses validation only.
 *
 * Everything that a step depends on is the weights and three counters (epoch, batch, step), so a run that is
 * killed anywhere goes on from its last checkpoint to the same bits.
 */
import { withAugmentedCopies } from '../data/augment.ts';
import { classWeights } from '../data/balance.ts';
import { PixelCache } from '../data/cache.ts';
import type { Dataset, ImageSource } from '../data/dataset.ts';
import { type Batch, comesClassByClass, countBatches, loadBatches } from '../data/loader.ts';
import { oversampled } from '../data/oversample.ts';
import type { Feed, Program, Session } from '../engine/engine.ts';
import { EXIT, SomaError } from '../errors.ts';
import type { Variable } from '../graph/value.ts';
import type { TrainingSettings } from '../models/settings.ts';
import {
  type Cursor,
  type EpochSums,
  loadCheckpoint,
  noSums,
  saveCheckpoint,
  startCursor,
} from './checkpoint.ts';
import { advance, shouldStop } from './early-stopping.ts';
import { argmax, evaluate, evaluationBatch, spikingLayers } from './evaluate.ts';
import { findNonFinite } from './non-finite.ts';
import { beginPass } from './pass.ts';
import type { EpochRecord } from './record.ts';
import type { RunFolder } from './run-folder.ts';
import { learningRate } from './schedule.ts';
import { evaluationStep, type NetworkSpec, rateOutput, trainingStep } from './step.ts';
import { type LoadedWeights, loadWeights, type WeightsFile } from './weights.ts';

/** What a progress display may show while an epoch runs. */
export interface StepReport {
  /** From 1. */
  readonly epoch: number;
  readonly epochs: number;
  readonly batch: number;
  readonly batches: number;
  readonly phase: 'train' | 'val';
  /** Running means of the epoch. */
  readonly loss: number;
  readonly accuracy: number;
  readonly imagesPerSecond: number;
  readonly rates: Readonly<Record<string, number>>;
}

export interface TrainOptions {
  readonly run: RunFolder;
  readonly spec: NetworkSpec;
  readonly settings: TrainingSettings;
  readonly seed: number;
  readonly dataset: Dataset;
  readonly session: Session;
  /** Weights to start from; left out: they are drawn from the seed. */
  readonly weights?: WeightsFile;
  readonly onWeights?: (loaded: LoadedWeights) => void;
  /** Goes on from `last.safetensors`; a run that was killed before it had one begins anew. */
  readonly resume: boolean;
  /** Seconds between checkpoints within an epoch. */
  readonly checkpointEvery: number;
  /** Stops after the step at hand, with a checkpoint. */
  readonly signal?: AbortSignal;
  readonly onStep?: (report: StepReport) => void;
  readonly onEpoch?: (record: EpochRecord, cursor: Cursor) => void;
  readonly onWarning?: (text: string) => void;
}

export interface TrainResult {
  readonly stopped: 'epochs' | 'early' | 'interrupted';
  readonly history: readonly EpochRecord[];
  readonly bestEpoch: number;
}

export async function train(options: TrainOptions): Promise<TrainResult> {
  return new Trainer(options).run();
}

class Trainer {
  private readonly o: TrainOptions;
  private readonly cache = new PixelCache();
  private readonly source: ImageSource;
  private readonly weights: Float32Array | null;
  private readonly programs = new Map<number, Program>();
  private readonly evaluation: Program;
  private remainder: Program | undefined;
  private readonly variables: readonly Variable[];
  /** Variables of the network alone, in the order of its layers. */
  private readonly network: readonly Variable[];
  private readonly batches: number;
  private cursor: Cursor = startCursor();
  private history: EpochRecord[] = [];
  private savedAt = performance.now();
  private readonly warned = new Set<string>();

  constructor(options: TrainOptions) {
    this.o = options;
    const { dataset, settings, spec, session, seed } = options;
    this.source = extended(dataset, settings, seed);
    this.weights = settings.classWeights ? classWeights(this.source.labels, dataset.classes) : null;
    this.batches = countBatches(this.source.length, settings.batchSize);
    const { plan } = this.programFor(Math.min(settings.batchSize, this.source.length));
    this.variables = plan.variables;
    const batch = evaluationBatch(dataset.splits.val.length);
    const evaluation = evaluationStep(spec, settings, batch);
    this.evaluation = session.load(evaluation.plan);
    this.network = evaluation.net.variables;
  }

  async run(): Promise<TrainResult> {
    const { settings, run, resume } = this.o;
    // From the first step on there is a checkpoint, so that a kill at any time can be resumed.
    if (resume && run.hasBegun()) await this.restore();
    else {
      this.readWeights();
      await this.save();
    }
    const done = (stopped: TrainResult['stopped']) => ({
      stopped,
      history: this.history,
      bestEpoch: this.cursor.progress.bestEpoch,
    });
    if (settings.shuffle === false && comesClassByClass(this.source.labels)) {
      this.o.onWarning?.(
        'the training images come class by class; do train with --set shuffle=once (or true)',
      );
    }
    while (this.cursor.epoch < settings.epochs) {
      if (shouldStop(this.cursor.progress, settings)) return done('early');
      const start = performance.now();
      const before = this.cursor.sums.seconds;
      const finished = await this.trainEpoch(() => before + (performance.now() - start) / 1000);
      if (!finished) {
        await this.save();
        return done('interrupted');
      }
      await this.endEpoch(() => before + (performance.now() - start) / 1000);
      await run.writeHistory(this.history);
      await this.save();
    }
    return done('epochs');
  }

  private readWeights(): void {
    const { weights, spec, session, onWeights } = this.o;
    if (!weights) return;
    const target = { variables: this.network, aliases: spec.system.aliases };
    const loaded = loadWeights(weights, target, session);
    onWeights?.(loaded);
  }

  private async restore(): Promise<void> {
    const { run } = this.o;
    this.cursor = await loadCheckpoint(run.file('last.safetensors'), this.checkpointTarget());
    this.history = (await run.history()).filter((record) => record.epoch <= this.cursor.epoch);
    await run.writeHistory(this.history);
  }

  private programFor(batchSize: number): Program {
    const known = this.programs.get(batchSize);
    if (known) return known;
    const { spec, settings, session } = this.o;
    const program = session.load(trainingStep(spec, settings, batchSize, this.weights).plan);
    this.programs.set(batchSize, program);
    return program;
  }

  /** Evaluates a last batch of so many images. */
  private remainderFor(images: number): Program {
    const { spec, settings, session } = this.o;
    this.remainder ??= session.load(evaluationStep(spec, settings, images).plan);
    return this.remainder;
  }

  private checkpointTarget(variables = this.variables) {
    return { session: this.o.session, variables, system: this.o.spec.system.name };
  }

  private async save(): Promise<void> {
    await saveCheckpoint(this.o.run.file('last.safetensors'), this.checkpointTarget(), this.cursor);
    this.savedAt = performance.now();
  }

  /** @returns false where it was interrupted */
  private async trainEpoch(seconds: () => number): Promise<boolean> {
    const { settings, dataset, seed, checkpointEvery, signal } = this.o;
    const { epoch } = this.cursor;
    const lr = Float32Array.of(learningRate(settings, epoch));
    if (this.cursor.batch === 0) beginPass(this.o.session, this.variables);
    const loader = loadBatches(this.source, dataset, {
      batchSize: settings.batchSize,
      shuffle: settings.shuffle,
      seed,
      epoch,
      augment: settings.augment ?? undefined,
      startBatch: this.cursor.batch,
      cache: this.cache,
    });
    let asked = performance.now();
    for await (const batch of loader) {
      if (signal?.aborted) return false;
      const dataSeconds = this.cursor.sums.dataSeconds + (performance.now() - asked) / 1000;
      await this.step(batch, lr);
      this.cursor = {
        ...this.cursor,
        batch: this.cursor.batch + 1,
        step: this.cursor.step + 1,
        sums: { ...this.cursor.sums, seconds: seconds(), dataSeconds },
      };
      this.report('train');
      const due = performance.now() - this.savedAt > checkpointEvery * 1000;
      if (due && this.cursor.batch < this.batches) await this.save();
      asked = performance.now();
    }
    return !signal?.aborted;
  }

  private async step(batch: Batch, lr: Float32Array): Promise<void> {
    const program = this.programFor(batch.size);
    const feeds: Record<string, Feed> = {
      images: batch.images,
      labels: batch.labels,
      lr,
      step: Int32Array.of(this.cursor.step + 1),
      rng: Int32Array.of(this.o.seed, this.cursor.step),
    };
    const { finite } = await program.run(feeds);
    if (!finite) await this.explainNonFinite(program, feeds);
    addToSums(this.cursor.sums, program, batch);
  }

  /** Runs the step again, looking at every result, and throws with the layer that made the first bad number. */
  private async explainNonFinite(program: Program, feeds: Record<string, Feed>): Promise<never> {
    const place = await findNonFinite(program, feeds);
    const { epoch, step } = this.cursor;
    const lr = learningRate(this.o.settings, epoch);
    throw new SomaError(
      `train(): expected finite numbers, got NaN or infinity from ${place} in epoch ${epoch + 1}, step ${step + 1}, ` +
        `at lr ${lr}; lower --lr or look at the data; the checkpoints before it are kept in ${this.o.run.path}`,
    );
  }

  private async endEpoch(seconds: () => number): Promise<void> {
    const { dataset, settings, seed, run } = this.o;
    const { predictions: _, ...val } = await evaluate({
      session: this.o.session,
      program: this.evaluation,
      remainder: (images) => this.remainderFor(images),
      dataset,
      split: 'val',
      seed,
      cache: this.cache,
      onProgress: () => this.report('val'),
    });
    const { sums, epoch } = this.cursor;
    const record: EpochRecord = {
      epoch: epoch + 1,
      train_loss: sums.loss / sums.images,
      train_accuracy: sums.correct / sums.images,
      val_loss: val.loss,
      val_accuracy: val.accuracy,
      lr: learningRate(settings, epoch),
      seconds: seconds(),
      ...(sums.seconds > 0 ? { images_per_second: sums.images / sums.seconds } : {}),
      data_seconds: sums.dataSeconds,
      ...(Object.keys(sums.rates).length > 0 ? { rates: meanRates(sums) } : {}),
    };
    const progress = advance(this.cursor.progress, record.epoch, record, settings);
    this.cursor = { ...this.cursor, epoch: record.epoch, batch: 0, sums: noSums(), progress };
    this.history.push(record);
    if (progress.bestEpoch === record.epoch) {
      const weights = this.variables.filter(({ kind }) => kind !== 'slot');
      await saveCheckpoint(run.file('best.safetensors'), this.checkpointTarget(weights), this.cursor);
    }
    this.warnOfRates(record);
    this.o.onEpoch?.(record, this.cursor);
  }

  private warnOfRates({ rates = {}, epoch }: EpochRecord): void {
    for (const [layer, rate] of Object.entries(rates)) {
      const state = rate < 0.001 ? 'dead' : rate > 0.95 ? 'saturated' : undefined;
      if (!state || this.warned.has(layer)) continue;
      this.warned.add(layer);
      const advice =
        state === 'dead' ? 'lower its threshold or raise beta or lr' : 'raise its threshold or lower beta';
      this.o.onWarning?.(
        `layer ${layer} is ${state}: ${(100 * rate).toFixed(2)} % spikes in epoch ${epoch}; ${advice}`,
      );
    }
  }

  private report(phase: StepReport['phase']): void {
    const { sums, epoch, batch } = this.cursor;
    this.o.onStep?.({
      epoch: epoch + 1,
      epochs: this.o.settings.epochs,
      batch,
      batches: this.batches,
      phase,
      loss: sums.loss / sums.images,
      accuracy: sums.correct / sums.images,
      imagesPerSecond: sums.images / sums.seconds,
      rates: meanRates(sums),
    });
  }
}

/** The training images with those that the settings add, made from the seed. */
function extended(
  dataset: Dataset,
  { offlineAugment, oversample }: TrainingSettings,
  seed: number,
): ImageSource {
  const { train } = dataset.splits;
  if (offlineAugment && oversample)
    throw new SomaError(
      'training settings: expected offlineAugment or oversample, got both; set one of them to null',
      EXIT.usage,
    );
  if (oversample) return oversampled(train, dataset, oversample, seed);
  if (!offlineAugment) return train;
  const { copies, ...augment } = offlineAugment;
  return withAugmentedCopies(train, dataset, { copies, augment, seed });
}

function addToSums(sums: EpochSums, program: Program, batch: Batch): void {
  const probabilities = program.read('probabilities');
  const classes = probabilities.length / batch.size;
  sums.images += batch.size;
  sums.loss += program.read('loss')[0] * batch.size;
  for (let i = 0; i < batch.size; i++)
    if (argmax(probabilities.subarray(i * classes, (i + 1) * classes)) === batch.labels[i]) sums.correct++;
  for (const layer of spikingLayers(program))
    sums.rates[layer] = (sums.rates[layer] ?? 0) + program.read(rateOutput(layer))[0] * batch.size;
}

function meanRates({ rates, images }: EpochSums): Record<string, number> {
  return Object.fromEntries(Object.entries(rates).map(([layer, sum]) => [layer, sum / images]));
}
