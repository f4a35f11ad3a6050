/**
 * The training loop of a stage: epochs of steps, validation, checkpoints. Model choice uses validation only. What a stage
 * learns, and what is counted of it, is a `Task`.
 *
 * Everything that a step depends on is the weights and three counters (epoch, batch, step), so a run that is
 * killed anywhere goes on from its last checkpoint to the same bits.
 */
import { withAugmentedCopies } from '../data/augment.ts';
import { PixelCache } from '../data/cache.ts';
import type { Dataset, ImageSource } from '../data/dataset.ts';
import { type Batch, comesClassByClass, countBatches, loadBatches } from '../data/loader.ts';
import { oversampled } from '../data/oversample.ts';
import type { Feed, Program, Session } from '../engine/engine.ts';
import { EXIT, mismatch, SomaError } from '../errors.ts';
import type { Variable } from '../graph/value.ts';
import type { StageSettings } from '../models/settings.ts';
import {
  type Cursor,
  type EpochSums,
  isCheckpointDue,
  loadCheckpoint,
  noSums,
  saveCheckpoint,
  startCursor,
} from './checkpoint.ts';
import { advance, shouldStop } from './early-stopping.ts';
import { evaluationBatch, spikingLayers } from './evaluate.ts';
import { findNonFinite } from './non-finite.ts';
import { beginPass, keepPass } from './pass.ts';
import type { StageRecord } from './record.ts';
import type { RunFolder } from './run-folder.ts';
import { learningRate } from './schedule.ts';
import { rateOutput } from './step.ts';
import type { StepRecord } from './step-trace.ts';
import type { Basics, StepReport, Task } from './task.ts';

/** What is the same for all stages of a run. */
export interface LoopOptions {
  readonly run: RunFolder;
  readonly seed: number;
  readonly dataset: Dataset;
  readonly session: Session;
  /** Goes on from the last checkpoint; a run that was killed before it had one begins anew. */
  readonly resume: boolean;
  /** Seconds between checkpoints within an epoch: 30 where nothing is said, more where writing them takes long. */
  readonly checkpointEvery?: number;
  /** Stops after the step at hand, with a checkpoint. */
  readonly signal?: AbortSignal;
  readonly onStep?: (report: StepReport) => void;
  readonly onWarning?: (text: string) => void;
}

export interface StageOptions<R extends StageRecord, Validation> extends LoopOptions {
  readonly task: Task<R, Validation>;
  /** Ends after so many steps, wherever that is. */
  readonly maxSteps?: number | null;
  /** Stops once so many epochs are complete; whoever resumes goes on as if it had not. */
  readonly pauseAfter?: number;
  /** Gives the network the weights that it begins with, if they are not those drawn. */
  readonly prepare?: (network: readonly Variable[]) => Promise<void>;
  readonly onEpoch?: (record: R, cursor: Cursor) => void;
}

export interface StageResult<R extends StageRecord> {
  /** `steps`: after `maxSteps`, in the middle of training; `paused`: after `pauseAfter`, with epochs left. */
  readonly stopped: 'epochs' | 'early' | 'steps' | 'paused' | 'interrupted';
  readonly history: readonly R[];
  readonly bestEpoch: number;
}

export async function runStage<R extends StageRecord, Validation>(
  options: StageOptions<R, Validation>,
): Promise<StageResult<R>> {
  return new Stage(options).run();
}

class Stage<R extends StageRecord, Validation> {
  private readonly o: StageOptions<R, Validation>;
  private readonly cache = new PixelCache();
  private readonly source: ImageSource;
  private readonly programs = new Map<number, Program>();
  private readonly evaluation: Program;
  private remainder: Program | undefined;
  private readonly variables: readonly Variable[];
  /** Variables of the network alone, in the order of its layers. */
  private readonly network: readonly Variable[];
  private readonly batches: number;
  private cursor: Cursor = startCursor();
  private history: R[] = [];
  /** Kept where training ends after `maxSteps`. */
  private trace: StepRecord[] = [];
  private savedAt = performance.now();
  private savingSeconds = 0;
  private readonly warned = new Set<string>();

  constructor(options: StageOptions<R, Validation>) {
    this.o = options;
    const { dataset, session, seed, task } = options;
    const { settings } = task;
    this.source = extended(dataset, settings, seed);
    const { batchSize, dropLast } = settings;
    this.batches = countBatches(this.source.length, batchSize, dropLast);
    if (this.batches === 0)
      throw mismatch(
        `settings of the ${task.stage}`,
        `a batch of at most the ${this.source.length} training images, for dropLast leaves out what is less`,
        `batchSize ${batchSize}`,
      );
    const { plan } = this.programFor(Math.min(batchSize, this.source.length));
    this.variables = plan.variables;
    const evaluation = task.evaluationStep(evaluationBatch(dataset.splits.val.length));
    this.evaluation = session.load(evaluation.plan);
    this.network = evaluation.net.variables;
  }

  async run(): Promise<StageResult<R>> {
    const { task, run, resume } = this.o;
    const { settings, files } = task;
    // From the first step on there is a checkpoint, so that a kill at any time can be resumed.
    if (resume && run.hasStage(files)) await this.restore();
    else {
      this.forget();
      await this.o.prepare?.(this.network);
      await this.save();
    }
    const done = (stopped: StageResult<R>['stopped']) => ({
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
      if (this.atLastStep()) return done('steps');
      if (this.cursor.epoch >= (this.o.pauseAfter ?? settings.epochs)) return done('paused');
      await this.o.run.forgetResults();
      const start = performance.now();
      const before = this.cursor.sums.seconds;
      const stopped = await this.trainEpoch(() => before + (performance.now() - start) / 1000);
      if (stopped) {
        await this.save();
        return done(stopped);
      }
      await this.endEpoch(() => before + (performance.now() - start) / 1000);
      await run.writeRecords(files, this.history);
      await this.save();
    }
    return done('epochs');
  }

  /** A stage before this one may have left averages of its own gradients. */
  private forget(): void {
    for (const { name, kind, initial } of this.variables)
      if (kind === 'slot') this.o.session.writeVariable(name, initial());
  }

  private async restore(): Promise<void> {
    const { run, task } = this.o;
    this.cursor = await loadCheckpoint(run.file(task.files.last), this.checkpointTarget());
    this.history = (await run.records<R>(task.files)).filter((record) => record.epoch <= this.cursor.epoch);
    await run.writeRecords(task.files, this.history);
    if (this.o.maxSteps) this.trace = (await run.steps()).filter(({ step }) => step <= this.cursor.step);
  }

  private atLastStep(): boolean {
    const { maxSteps } = this.o;
    return typeof maxSteps === 'number' && this.cursor.step >= maxSteps;
  }

  private programFor(batchSize: number): Program {
    const known = this.programs.get(batchSize);
    if (known) return known;
    const { task, session } = this.o;
    const program = session.load(task.trainingStep(batchSize, this.source).plan);
    this.programs.set(batchSize, program);
    return program;
  }

  /** Evaluates a last batch of so many images. */
  private remainderFor(images: number): Program {
    const { task, session } = this.o;
    this.remainder ??= session.load(task.evaluationStep(images).plan);
    return this.remainder;
  }

  private checkpointTarget(variables = this.variables) {
    return { session: this.o.session, variables, system: this.o.task.system };
  }

  private async save(): Promise<void> {
    // Before the checkpoint: lines beyond it are left out when the run goes on, missing ones could not be made again.
    if (this.trace.length > 0) await this.o.run.writeSteps(this.trace);
    const start = performance.now();
    await saveCheckpoint(this.o.run.file(this.o.task.files.last), this.checkpointTarget(), this.cursor);
    this.savedAt = performance.now();
    this.savingSeconds = (this.savedAt - start) / 1000;
  }

  /** @returns why it ended before its last batch, if it did */
  private async trainEpoch(seconds: () => number): Promise<'interrupted' | 'steps' | undefined> {
    const { dataset, seed, checkpointEvery, signal } = this.o;
    const { settings } = this.o.task;
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
      dropLast: settings.dropLast,
      cache: this.cache,
    });
    let asked = performance.now();
    for await (const batch of loader) {
      if (signal?.aborted) return 'interrupted';
      const dataSeconds = this.cursor.sums.dataSeconds + (performance.now() - asked) / 1000;
      await this.step(batch, lr);
      this.cursor = {
        ...this.cursor,
        batch: this.cursor.batch + 1,
        step: this.cursor.step + 1,
        sums: { ...this.cursor.sums, seconds: seconds(), dataSeconds },
      };
      this.report('train');
      if (this.atLastStep() && this.cursor.batch < this.batches) return 'steps';
      const since = (performance.now() - this.savedAt) / 1000;
      const due = isCheckpointDue(since, this.savingSeconds, checkpointEvery);
      if (due && this.cursor.batch < this.batches) await this.save();
      asked = performance.now();
    }
    return signal?.aborted ? 'interrupted' : undefined;
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
    const start = performance.now();
    const { finite } = await program.run(feeds);
    const seconds = (performance.now() - start) / 1000;
    if (!finite) await this.explainNonFinite(program, feeds);
    addToSums(this.cursor.sums, program, batch);
    this.o.task.count(this.cursor.sums, program, batch);
    if (this.o.maxSteps)
      this.trace.push({ step: this.cursor.step + 1, loss: program.read('loss')[0], seconds });
  }

  /** Runs the step again, looking at every result, and throws with the layer that made the first bad number. */
  private async explainNonFinite(program: Program, feeds: Record<string, Feed>): Promise<never> {
    const place = await findNonFinite(program, feeds);
    const { epoch, step } = this.cursor;
    const lr = learningRate(this.o.task.settings, epoch);
    throw new SomaError(
      `train(): expected finite numbers, got NaN or infinity from ${place} in epoch ${epoch + 1}, step ${step + 1}, ` +
        `at lr ${lr}; lower --lr or look at the data; the checkpoints before it are kept in ${this.o.run.path}`,
    );
  }

  private async endEpoch(seconds: () => number): Promise<void> {
    const { dataset, task, seed, run } = this.o;
    const { settings } = task;
    // A checkpoint holds the states that training ended with, for evaluations that keep them.
    const backToTraining = keepPass(this.o.session, this.variables);
    const validation = await task.validate({
      session: this.o.session,
      program: this.evaluation,
      remainder: (images) => this.remainderFor(images),
      dataset,
      split: 'val',
      seed,
      cache: this.cache,
      onProgress: () => this.report('val'),
    });
    backToTraining();
    const { sums, epoch } = this.cursor;
    const basics: Basics = {
      epoch: epoch + 1,
      train_loss: sums.loss / sums.images,
      lr: learningRate(settings, epoch),
      seconds: seconds(),
      ...(sums.seconds > 0 ? { images_per_second: sums.images / sums.seconds } : {}),
      data_seconds: sums.dataSeconds,
      ...(Object.keys(sums.rates).length > 0 ? { rates: meanRates(sums) } : {}),
    };
    const record = task.record(basics, sums, validation);
    const progress = advance(this.cursor.progress, record.epoch, record, settings);
    this.cursor = { ...this.cursor, epoch: record.epoch, batch: 0, sums: noSums(), progress };
    this.history.push(record);
    if (progress.bestEpoch === record.epoch) {
      const weights = this.variables.filter(({ kind }) => kind !== 'slot');
      await saveCheckpoint(run.file(task.files.best), this.checkpointTarget(weights), this.cursor);
    }
    this.warnOfRates(record);
    this.o.onEpoch?.(record, this.cursor);
  }

  private warnOfRates({ rates = {}, epoch }: StageRecord): void {
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
    const { stage, settings, figure } = this.o.task;
    this.o.onStep?.({
      stage,
      epoch: epoch + 1,
      epochs: settings.epochs,
      batch,
      batches: this.batches,
      phase,
      loss: sums.loss / sums.images,
      figure: figure(sums),
      imagesPerSecond: sums.images / sums.seconds,
      rates: meanRates(sums),
    });
  }
}

/** The training images with those that the settings add, made from the seed. */
function extended(
  dataset: Dataset,
  { offlineAugment, oversample }: StageSettings,
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
  sums.images += batch.size;
  sums.loss += program.read('loss')[0] * batch.size;
  for (const layer of spikingLayers(program))
    sums.rates[layer] = (sums.rates[layer] ?? 0) + program.read(rateOutput(layer))[0] * batch.size;
}

function meanRates({ rates, images }: EpochSums): Record<string, number> {
  return Object.fromEntries(Object.entries(rates).map(([layer, sum]) => [layer, sum / images]));
}
