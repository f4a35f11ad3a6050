/** What a study has begun and finished: `results.jsonl`, a line for each, only ever appended to. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SomaError } from '../errors.ts';
import { appendJsonLine, readJsonLines } from '../files.ts';
import type { StudyRun } from './runs.ts';

interface Line {
  readonly id: string;
  readonly key: string;
}

interface Begun extends Line {
  readonly begun: string;
}

export interface Finished extends Line, Figures {
  readonly finished: string;
}

/** On test, for whoever follows the file; tables are worked out from the predictions. */
interface Figures {
  readonly accuracy?: number;
  readonly macroF1?: number;
}

const file = (folder: string) => join(folder, 'results.jsonl');

/** Finished runs by id; what was moved away since counts no more. */
export async function readJournal(folder: string): Promise<Map<string, Finished>> {
  const lines = await readJsonLines<Begun | Finished>(file(folder));
  const there = ({ id }: Line) => existsSync(join(folder, 'runs', id, 'config.json'));
  return new Map(lines.flatMap((line) => ('finished' in line && there(line) ? [[line.id, line]] : [])));
}

/** Writes down that a run begins, and with which settings, from its first step or from a checkpoint. */
export async function appendBegun(folder: string, { id, key }: StudyRun): Promise<void> {
  const line: Begun = { id, key, begun: new Date().toISOString() };
  await appendJsonLine(file(folder), line);
}

/** Throws where what there is of a run was begun with other settings: going on would keep those, and not say so. */
export async function refuseOtherBeginning(folder: string, run: StudyRun): Promise<void> {
  const lines = await readJsonLines<Begun | Finished>(file(folder));
  const last = lines.findLast(({ id }) => id === run.id);
  if (last && last.key !== run.key) throw otherSettings(folder, run, 'begun with other settings');
}

export async function appendJournal(folder: string, { id, key }: StudyRun): Promise<void> {
  const line: Finished = { id, key, finished: new Date().toISOString(), ...(await figuresOf(folder, id)) };
  await appendJsonLine(file(folder), line);
}

/** Nothing of a run that was not tested. */
async function figuresOf(folder: string, id: string): Promise<Figures> {
  const text = await readFile(join(folder, 'runs', id, 'evaluation.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return {};
  const { accuracy, macro } = JSON.parse(text).metrics;
  return { accuracy: accuracy.value, macroF1: macro.f1.value };
}

/** Whether a run is finished. Throws where the folder holds one of the same name with other settings. */
export function isFinished(journal: ReadonlyMap<string, Finished>, run: StudyRun, folder: string): boolean {
  const known = journal.get(run.id);
  if (known && known.key !== run.key) throw otherSettings(folder, run, 'with other settings');
  return known !== undefined;
}

/** Seeds that runs of a study were finished with. */
export function seedsOf(journal: ReadonlyMap<string, Finished>): number[] {
  return [...journal.keys()].flatMap((id) => /-seed(\d+)$/.exec(id)?.slice(1).map(Number) ?? []);
}

function otherSettings(folder: string, { id }: StudyRun, what: string): SomaError {
  return new SomaError(
    `${folder}: expected results of this study, got ${id} ${what}; choose another --out, or move ${join(folder, 'runs', id)} away`,
  );
}
