/** What one stage of training learns, as the loop sees it: two stages differ in this and in nothing else. */
import type { ImageSource } from '../data/dataset.ts';
import type { Batch } from '../data/loader.ts';
import type { Program } from '../engine/engine.ts';
import type { StageSettings } from '../models/settings.ts';
import type { EpochSums } from './checkpoint.ts';
import type { StageRecord } from './record.ts';
import type { StageFiles } from './run-folder.ts';
import type { TracedStep } from './step.ts';
import type { VisitOptions } from './visit.ts';

/** What a stage learns: its steps, and what is measured of them. `Validation`: what one pass over validation gives. */
export interface Task<R extends StageRecord, Validation> {
  readonly stage: StepReport['stage'];
  readonly files: StageFiles;
  readonly settings: StageSettings;
  /** Name of the system, which checkpoints must have. */
  readonly system: string;
  /** A step that trains on `batchSize` of the source's images; it has the output `loss`. */
  trainingStep(batchSize: number, source: ImageSource): TracedStep;
  evaluationStep(batchSize: number): TracedStep;
  /** Adds what a step says of its images, loss and firing rates apart. */
  count(sums: EpochSums, program: Program, batch: Batch): void;
  validate(options: VisitOptions): Promise<Validation>;
  record(basics: Basics, sums: EpochSums, validation: Validation): R;
  /** What is shown beside the loss, of the epoch so far. */
  figure(sums: EpochSums): Figure;
}

/** What the loop itself knows of an epoch. */
export type Basics = Omit<StageRecord, 'val_loss'>;

export interface Figure {
  readonly name: 'accuracy' | 'mae';
  readonly value: number;
}

/** What a progress display may show while an epoch runs. */
export interface StepReport {
  readonly stage: 'pretraining' | 'training';
  /** From 1. */
  readonly epoch: number;
  readonly epochs: number;
  readonly batch: number;
  readonly batches: number;
  readonly phase: 'train' | 'val';
  /** Running means of the epoch. */
  readonly loss: number;
  readonly figure: Figure;
  readonly imagesPerSecond: number;
  readonly rates: Readonly<Record<string, number>>;
}
