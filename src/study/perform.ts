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

export async function perform(runs: readonly StudyRun[], options: PerformOptions): Promise<Performed> {
  const { folder, onRun, signal } = options;
  await makeFolder(join(folder, 'runs'));
  const elsewhere: StudyRun[] = [];
  const waiting: StudyRun[] = [];
  const failed: StudyRun[] = [];
  // Kept to the end: what failed here should not be tried by another process at once.
  const claims: Claim[] = [];
  let interrupted = signal.aborted;
  try {
    for (const [i, run] of runs.entries()) {
      const tell = (state: RunEvent['state'], words?: string) =>
        onRun?.({ run, number: i + 1, of: runs.length, state, words });
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
        interrupted = true;
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
  } finally {
    for (const held of claims) await held.release();
  }
  const journal = await readJournal(folder);
  const missing = (list: readonly StudyRun[]) => list.filter((run) => !journal.has(run.id));
  return {
    finished: runs.filter((run) => journal.has(run.id)).length,
    elsewhere: missing(elsewhere),
    waiting: missing(waiting),
    failed,
    interrupted,
  };
}
