/** Does one run of a study in a process of its own, or goes on with it where it was stopped. */
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Outcome, runChild } from '../jobs/child.ts';
import type { Claim } from '../jobs/claim.ts';
import { setArguments } from '../jobs/set-texts.ts';
import { RunFolder } from '../train/run-folder.ts';
import { appendBegun, refuseOtherBeginning } from './journal.ts';
import type { StudyRun } from './runs.ts';
import type { StudyData } from './study.ts';

export interface ExecuteOptions {
  /** Folder of the study. */
  readonly folder: string;
  /** Path of each data set. */
  readonly data: Readonly<Record<string, string>>;
  /** Options of the engine for the command line. */
  readonly engine: readonly string[];
  readonly signal: AbortSignal;
  readonly claim: Claim;
}

export function runFolder(folder: string, { id }: StudyRun): RunFolder {
  return new RunFolder(join(folder, 'runs', id));
}

/** The command line of a run, as a user would write it. */
export function runArguments(
  run: StudyRun,
  data: Readonly<Record<string, string>>,
  runsDir: string,
): string[] {
  const { arm, seed, id, set, evaluates } = run;
  const sets = setArguments(set);
  if (evaluates !== null) return ['evaluate', join(runsDir, evaluates), ...sets, '--out', join(runsDir, id)];
  return [
    ...['train', arm.system, '--data', data[arm.data], '--seed', `${seed}`],
    ...(arm.size ? ['--size', `${arm.size}`] : []),
    ...(arm.weights ? ['--weights', resolve(arm.weights)] : []),
    ...dataArguments(run.data),
    ...sets,
    ...['--runs-dir', runsDir, '--name', id],
  ];
}

function dataArguments({ channels, split, labels }: StudyData): string[] {
  const { train, val, test } = split?.ratios ?? {};
  return [
    ...(channels ? ['--channels', `${channels}`] : []),
    ...(split ? ['--split-seed', `${split.seed}`] : []),
    ...(split?.ratios ? ['--ratios', [train, val, test].join('/')] : []),
    ...(split?.resplit ? ['--resplit'] : []),
    ...(split?.keepTogether ? ['--keep-together', split.keepTogether] : []),
    ...(split?.fold
      ? ['--fold', `${split.fold.number}/${split.fold.of}`, '--pool', split.fold.pool.join(',')]
      : []),
    ...(labels ? ['--labels', resolve(labels)] : []),
  ];
}

export async function execute(run: StudyRun, options: ExecuteOptions): Promise<Outcome> {
  const { folder, data, engine, signal, claim } = options;
  const target = runFolder(folder, run);
  // An evaluation is short, and is done anew.
  const resuming = run.evaluates === null && target.hasBegun();
  if (resuming) await refuseOtherBeginning(folder, run);
  else await rm(target.path, { recursive: true, force: true });
  await appendBegun(folder, run);
  // With the data as given now: it may have moved since the run was begun.
  const args = resuming
    ? ['train', '--resume', target.path, '--data', data[run.arm.data]]
    : runArguments(run, data, join(folder, 'runs'));
  const log = join(folder, 'logs', `${run.id}.log`);
  return runChild([...args, ...engine], { log, signal, claim });
}
