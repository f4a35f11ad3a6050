/**
 * Trains a trial up to a rung, in a process of its own. The schedule is that of the whole training from the first epoch on;
 * at a rung the run only pauses, and whoever promotes it goes on from its checkpoint, to the bits of a run that nobody
 * stopped.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT, SomaError } from '../errors.ts';
import { runChild } from '../jobs/child.ts';
import type { Claim } from '../jobs/claim.ts';
import { collectReport } from '../report/collect.ts';
import { RunFolder } from '../train/run-folder.ts';
import { type Definition, trainArguments } from './definition.ts';
import type { Result } from './journal.ts';
import { OBJECTIVES, type ObjectiveName } from './objective.ts';
import type { Pruner, Unit } from './rungs.ts';
import type { Found } from './search.ts';

export interface TrialOptions {
  readonly folder: string;
  readonly definition: Definition;
  readonly pruner: Pruner;
  /** Options of the engine for the command line. */
  readonly engine: readonly string[];
  readonly signal: AbortSignal;
}

export function trialName(number: number): string {
  return `trial-${String(number).padStart(4, '0')}`;
}

export function trialFolder(folder: string, number: number): RunFolder {
  return new RunFolder(join(folder, 'runs', trialName(number)));
}

export function trialLog(folder: string, number: number): string {
  return join(folder, 'logs', `${trialName(number)}.log`);
}

export async function runTrial({ trial, rung }: Unit, claim: Claim, options: TrialOptions): Promise<Found> {
  const { folder, definition, pruner, engine, signal } = options;
  const { number } = trial;
  const run = trialFolder(folder, number);
  const rungs = pruner.brackets[trial.bracket];
  const pause = rung + 1 < rungs.length ? ['--pause-after', `${rungs[rung]}`] : [];
  const isBegun = run.hasBegun();
  if (!isBegun) await rm(run.path, { recursive: true, force: true });
  const place = ['--runs-dir', join(folder, 'runs'), '--name', run.name];
  const args = isBegun
    ? ['train', '--resume', run.path, '--data', definition.data]
    : [...trainArguments(definition, trial), ...place];
  const log = trialLog(folder, number);
  const outcome = await runChild([...args, ...pause, '--no-test', ...engine], { log, signal, claim });
  if (outcome === 'done') return resultOf(run, definition.objective);
  if (outcome === 'interrupted') return outcome;
  if (outcome.code === EXIT.unwritable || isGone(definition))
    throw new SomaError(
      `${run.name}: expected a disk to write to and the data at ${definition.data}, got: ${outcome.failure}. ` +
        'The trial is left to be done: put that right, and give the same command again',
    );
  return outcome;
}

const isGone = ({ data }: Definition) => data !== 'smear' && !existsSync(data);

/** The figure of the epoch whose weights a run keeps: the best on validation so far, or the last. */
async function resultOf(run: RunFolder, objective: ObjectiveName): Promise<Found> {
  try {
    const { history, keptEpoch } = await collectReport(run);
    const kept = history.find(({ epoch }) => epoch === keptEpoch);
    const value = kept && OBJECTIVES[objective].of(kept);
    if (value === undefined || !Number.isFinite(value)) return { failure: `no ${objective} was recorded` };
    const result: Result = {
      value,
      loss: OBJECTIVES[objective].sign * value,
      epoch: keptEpoch,
      epochs: history.length,
      seconds: history.reduce((sum, { seconds }) => sum + seconds, 0),
    };
    return result;
  } catch (error) {
    if (error instanceof SomaError) return { failure: error.message };
    throw error;
  }
}
