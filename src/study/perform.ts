/** Works through a study: every run that is neither finished nor in another process's hands. */
import { join } from 'node:path';
import { makeFolder } from '../files.ts';
import { type Claim, claim, holderText } from '../jobs/claim.ts';
import { type ExecuteOptions, execute } from './execute.ts';
import { appendJournal, isFinished, readJournal } from './journal.ts';
import type { StudyRun } from './runs.ts';

export interface PerformOptions extends Omit<ExecuteOptions, 'claim'> {
  /** Told before and after each run. */
  readonly onRun?: (event: RunEvent) => void;
}

export interface RunEvent {
  readonly run: StudyRun;
  /** From 1. */
  readonly number: number;
  readonly of: number;
  readonly state: 'begins' | 'done' | 'interrupted' | 'failed' | 'elsewhere' | 'waits';
  /** Why it failed, or who has it. */
  readonly words?: string;
}

export interface Performed {
  readonly finished: number;
  /** Runs that another process has. */
  readonly elsewhere: readonly StudyRun[];
  /** Runs that evaluate one which is not finished. */
  readonly waiting: readonly StudyRun[];
  readonly failed: readonly StudyRun[];
  readonly interrupted: boolean;
}

/** Once more for what others held or what was waited for, as long as something was done meanwhile: their process may have died. */
export async function perform(runs: readonly StudyRun[], options: PerformOptions): Promise<Performed> {
  const { folder, signal } = options;
  await makeFolder(join(folder, 'runs'));
  // Kept to the end: what failed here should not be tried by another process at once.
  const claims: Claim[] = [];
  const failed: StudyRun[] = [];
  let pass: Pass = { left: runs, performed: 0, interrupted: signal.aborted };
  try {
    do {
      const numbered = pass.left.map((run) => ({ run, number: runs.indexOf(run) + 1, of: runs.length }));
      pass = await performOnce(numbered, options, claims, failed);
    } while (!pass.interrupted && pass.performed > 0 && pass.left.length > 0);
  } finally {
    for (const held of claims) await held.release();
  }
  const journal = await readJournal(folder);
  const missing = pass.left.filter((run) => !journal.has(run.id));
  const waits = ({ evaluates }: StudyRun) => evaluates !== null && !journal.has(evaluates);
  return {
    finished: runs.filter((run) => journal.has(run.id)).length,
    elsewhere: missing.filter((run) => !waits(run)),
    waiting: missing.filter(waits),
    failed,
    interrupted: pass.interrupted,
  };
}

interface Pass {
  /** In others' hands, or waiting for what is. */
  readonly left: readonly StudyRun[];
  readonly performed: number;
  readonly interrupted: boolean;
}

type Numbered = Pick<RunEvent, 'run' | 'number' | 'of'>;

async function performOnce(
  runs: readonly Numbered[],
  options: PerformOptions,
  claims: Claim[],
  failed: StudyRun[],
): Promise<Pass> {
  const { folder, onRun } = options;
  const left: StudyRun[] = [];
  let performed = 0;
  for (const numbered of runs) {
    const { run } = numbered;
    const tell = (state: RunEvent['state'], words?: string) => onRun?.({ ...numbered, state, words });
    // Read anew each time: others append to it.
    const done = async () => isFinished(await readJournal(folder), run, folder);
    if (await done()) continue;
    if (run.evaluates !== null && !(await readJournal(folder)).has(run.evaluates)) {
      left.push(run);
      tell('waits');
      continue;
    }
    const held = await claim(join(folder, 'claims'), run.id);
    if (!held) {
      left.push(run);
      tell('elsewhere', await holderText(join(folder, 'claims'), run.id));
      continue;
    }
    claims.push(held);
    // Finished and let go by another between our reading and our claim.
    if (await done()) continue;
    tell('begins');
    const outcome = await execute(run, { ...options, claim: held });
    if (outcome === 'interrupted') {
      tell('interrupted');
      // By us, or by somebody who stopped it alone.
      return { left, performed, interrupted: true };
    }
    performed++;
    if (outcome === 'done') {
      await appendJournal(folder, run);
      tell('done');
    } else {
      failed.push(run);
      tell('failed', outcome.failure);
    }
  }
  return { left, performed, interrupted: false };
}
