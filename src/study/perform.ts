/** Works through a study: every run that is neither finished nor in another process's hands. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { claim } from '../jobs/claim.ts';
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
  readonly failure?: string;
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

export async function perform(runs: readonly StudyRun[], options: PerformOptions): Promise<Performed> {
  const { folder, onRun, signal } = options;
  await mkdir(join(folder, 'runs'), { recursive: true });
  const elsewhere: StudyRun[] = [];
  const waiting: StudyRun[] = [];
  const failed: StudyRun[] = [];
  for (const [i, run] of runs.entries()) {
    const tell = (state: RunEvent['state'], failure?: string) =>
      onRun?.({ run, number: i + 1, of: runs.length, state, failure });
    // Read anew each time: others append to it.
    const done = async () => isFinished(await readJournal(folder), run, folder);
    if (await done()) continue;
    if (run.evaluates !== null && !(await readJournal(folder)).has(run.evaluates)) {
      waiting.push(run);
      tell('waits');
      continue;
    }
    const held = await claim(join(folder, 'claims'), run.id);
    if (!held) {
      elsewhere.push(run);
      tell('elsewhere');
      continue;
    }
    // Finished and let go by another between our reading and our claim.
    if (await done()) continue;
    tell('begins');
    const outcome = await execute(run, { ...options, claim: held });
    if (outcome === 'interrupted') {
      tell('interrupted');
      break;
    }
    if (outcome === 'done') {
      await appendJournal(folder, run);
      tell('done');
    } else {
      failed.push(run);
      tell('failed', outcome.failure);
    }
  }
  const journal = await readJournal(folder);
  const finished = runs.filter((run) => journal.has(run.id)).length;
  const missing = (list: readonly StudyRun[]) => list.filter((run) => !journal.has(run.id));
  return {
    finished,
    elsewhere: missing(elsewhere),
    waiting: missing(waiting),
    failed,
    interrupted: signal.aborted,
  };
}
