/**
 * A run is a folder. Files are written aside and renamed, so that a kill leaves the previous ones whole.
 *
 *   config.json            resolved configuration, versions, machine, data fingerprint
 *   metrics.jsonl          one line an epoch
 *   steps.jsonl            one line a step, of a run that ends after maxSteps
 *   last.safetensors       weights, optimizer slots, state and cursor, for resuming
 *   best.safetensors       weights and state of the best epoch on validation
 *   pretraining…           the same of a pre-training: .jsonl, -last.safetensors, -best.safetensors
 *   predictions-test.csv, evaluation.json, report.html, figures/
 *   analyses/              what spikes, energy, robustness, explain and review found last, for the report
 *   robustness.jsonl, faithfulness.jsonl   what was measured, as it came, so that it need not be measured again
 *   latency.json           what soma bench measured
 */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { EXIT, SomaError } from '../errors.ts';
import { makeFolder, readJsonLines, removeLeftovers, writeAside } from '../files.ts';
import { reopenSystem } from '../models/own-system.ts';
import { configSchema, type RunConfig } from './config.ts';
import type { EpochRecord, PretrainingRecord, StageRecord } from './record.ts';
import type { StepRecord } from './step-trace.ts';

/** What a stage of training leaves in the folder. */
export interface StageFiles {
  readonly history: string;
  readonly last: string;
  readonly best: string;
}

export const TRAINING: StageFiles = {
  history: 'metrics.jsonl',
  last: 'last.safetensors',
  best: 'best.safetensors',
};

export const PRETRAINING: StageFiles = {
  history: 'pretraining.jsonl',
  last: 'pretraining-last.safetensors',
  best: 'pretraining-best.safetensors',
};

/** What is of the weights at the end of a training. */
const RESULTS = ['predictions-test.csv', 'evaluation.json', 'summary.json'] as const;

export class RunFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  /** Makes a new folder; throws where it exists already or cannot be written. */
  static async create(path: string, config: RunConfig): Promise<RunFolder> {
    const run = new RunFolder(path);
    run.refuseTaken();
    await makeFolder(run.path);
    await writeAside(run.file('config.json'), `${JSON.stringify(config, null, 2)}\n`);
    return run;
  }

  /** Whether the folder holds a run or an ensemble. */
  isTaken(): boolean {
    return ['config.json', 'ensemble.json'].some((name) => existsSync(this.file(name)));
  }

  /** Throws where it does. */
  refuseTaken(): void {
    if (this.isTaken())
      throw new SomaError(
        `${this.path}: expected a new run folder, got one that holds a run or an ensemble; resume a run with --resume, or name another`,
        EXIT.usage,
      );
  }

  get name(): string {
    return basename(this.path);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** False where a run was killed before its first checkpoint; nothing can be lost by beginning anew. */
  hasBegun(): boolean {
    return [TRAINING, PRETRAINING].some((files) => this.hasStage(files));
  }

  /** Takes back a new run whose training could not begin, so that its name is free again. */
  async takeBack(): Promise<void> {
    if (!this.hasBegun()) await rm(this.file('config.json'), { force: true });
  }

  /** Whether there is anything of a stage. */
  hasStage(files: StageFiles): boolean {
    return Object.values(files).some((name: string) => existsSync(this.file(name)));
  }

  /** Removes what was measured of weights that training is about to change. */
  async forgetResults(): Promise<void> {
    for (const name of RESULTS) await rm(this.file(name), { force: true });
  }

  /** Removes checkpoints that a killed process did not finish; for the process that trains here. */
  removeLeftovers(): Promise<void> {
    const checkpoints = [TRAINING, PRETRAINING].flatMap(({ last, best }) => [last, best]);
    return removeLeftovers(this.path, checkpoints);
  }

  /** Reads `config.json`, and makes the system known that it names. */
  async config(): Promise<RunConfig> {
    const path = this.file('config.json');
    const text = await readFile(path, 'utf8').catch(() => {
      if (existsSync(this.file('ensemble.json')))
        throw new SomaError(
          `${this.path}: expected the run of one network, got an ensemble; name one of its members`,
          EXIT.usage,
        );
      throw new SomaError(
        `${this.path}: expected a run folder with config.json, got none; check the path`,
        EXIT.usage,
      );
    });
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new SomaError(`${path}: expected JSON, got ${(error as Error).message}; restore the file`);
    }
    const parsed = configSchema.safeParse(value);
    if (parsed.success) {
      if (parsed.data.systemFile) await reopenSystem(parsed.data.systemFile);
      return parsed.data;
    }
    const [issue] = parsed.error.issues;
    throw new SomaError(
      `${path}: expected the configuration of a run, got ${issue.message} at ${issue.path.join('.')}`,
    );
  }

  /** Epochs so far. */
  history(): Promise<EpochRecord[]> {
    return this.records<EpochRecord>(TRAINING);
  }

  /** Epochs of the pre-training so far; none where there was none. */
  pretrainingHistory(): Promise<PretrainingRecord[]> {
    return this.records<PretrainingRecord>(PRETRAINING);
  }

  /** Epochs of a stage so far. */
  records<R extends StageRecord>({ history }: StageFiles): Promise<R[]> {
    return this.readLines<R>(history);
  }

  writeRecords({ history }: StageFiles, records: readonly StageRecord[]): Promise<void> {
    return this.writeLines(history, records);
  }

  /** Steps so far of a run that ends after `maxSteps`; none of any other. */
  steps(): Promise<StepRecord[]> {
    return this.readLines<StepRecord>('steps.jsonl');
  }

  writeSteps(steps: readonly StepRecord[]): Promise<void> {
    return this.writeLines('steps.jsonl', steps);
  }

  private readLines<Line>(name: string): Promise<Line[]> {
    return readJsonLines(this.file(name));
  }

  private async writeLines(name: string, lines: readonly object[]): Promise<void> {
    await writeAside(this.file(name), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
}
