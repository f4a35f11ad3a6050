/** What a study has finished: `results.jsonl`, one line a run, only ever appended to. */
import { join } from 'node:path';
import { SomaError } from '../errors.ts';
import { appendJsonLine, readJsonLines } from '../files.ts';
import type { StudyRun } from './runs.ts';

export interface Finished {
  readonly id: string;
  readonly key: string;
  readonly finished: string;
}

const file = (folder: string) => join(folder, 'results.jsonl');

/** Finished runs by id. */
export async function readJournal(folder: string): Promise<Map<string, Finished>> {
  const lines = await readJsonLines<Finished>(file(folder));
  return new Map(lines.map((line) => [line.id, line]));
}

export async function appendJournal(folder: string, { id, key }: StudyRun): Promise<void> {
  const line: Finished = { id, key, finished: new Date().toISOString() };
  await appendJsonLine(file(folder), line);
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
