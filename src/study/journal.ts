/** What a study has finished: `results.jsonl`, one line a run, only ever appended to. */
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SomaError } from '../errors.ts';
import { unwritable } from '../files.ts';
import type { StudyRun } from './runs.ts';

export interface Finished {
  readonly id: string;
  readonly key: string;
  readonly finished: string;
}

const file = (folder: string) => join(folder, 'results.jsonl');

/** Finished runs by id; a line that was cut off by a kill is left out. */
export async function readJournal(folder: string): Promise<Map<string, Finished>> {
  const text = await readFile(file(folder), 'utf8').catch(() => '');
  const lines = text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Finished];
    } catch {
      return [];
    }
  });
  return new Map(lines.map((line) => [line.id, line]));
}

/**
 * One write of one line: processes that share the study do not tear each other's. It begins a line of its own, in case
 * that the last one was cut off.
 */
export async function appendJournal(folder: string, { id, key }: StudyRun): Promise<void> {
  const line: Finished = { id, key, finished: new Date().toISOString() };
  await appendFile(file(folder), `\n${JSON.stringify(line)}\n`).catch((error) => {
    throw unwritable(file(folder), error);
  });
}

/** Whether a run is finished. Throws where the folder holds one of the same name with other settings. */
export function isFinished(journal: ReadonlyMap<string, Finished>, run: StudyRun, folder: string): boolean {
  const known = journal.get(run.id);
  if (known && known.key !== run.key)
    throw new SomaError(
      `${folder}: expected results of this study, got ${run.id} with other settings; choose another --out, or move this one away`,
    );
  return known !== undefined;
}
