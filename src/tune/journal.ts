/**
 * What a search has done: `journal.jsonl`, one line an event, only ever appended to, by any number of processes. The
 * state of the search is these lines and nothing else, so that a search that was killed goes on where it was.
 */
import { join } from 'node:path';
import { appendJsonLine, readJsonLines } from '../files.ts';
import type { Point } from './space.ts';

/** What a trial reached at a rung. */
export interface Result {
  /** What is searched for, as it is measured. */
  readonly value: number;
  /** The same, so that less is better. */
  readonly loss: number;
  /** Epoch that the value is of, and epochs that were trained in all. */
  readonly epoch: number;
  readonly epochs: number;
  /** Of training, all rungs so far. */
  readonly seconds: number;
}

export type Event =
  | {
      readonly event: 'begun';
      readonly trial: number;
      readonly seed: number;
      readonly bracket: number;
      readonly point: Point;
    }
  | { readonly event: 'promoted'; readonly trial: number; readonly rung: number }
  | ({ readonly event: 'result'; readonly trial: number; readonly rung: number } & Result)
  | { readonly event: 'failed'; readonly trial: number; readonly rung: number; readonly reason: string };

export interface Trial {
  /** From 0. */
  readonly number: number;
  readonly seed: number;
  readonly bracket: number;
  readonly point: Point;
  /** At each rung that it has reached. */
  readonly results: readonly Result[];
  /** The last of them; −1 before the first. */
  readonly rung: number;
  /** The rung that it is on its way to, now or when a process was killed; null where it waits, ended or failed. */
  readonly pending: number | null;
  readonly failed: { readonly rung: number; readonly reason: string } | null;
}

const file = (folder: string) => join(folder, 'journal.jsonl');

export async function appendEvent(folder: string, event: Event): Promise<void> {
  await appendJsonLine(file(folder), { ...event, at: new Date().toISOString() });
}

/** All trials, in the order in which they were begun. */
export async function readTrials(folder: string): Promise<Trial[]> {
  return trialsOf(await readJsonLines<Event>(file(folder)));
}

export function trialsOf(events: readonly Event[]): Trial[] {
  const trials = new Map<number, Trial>();
  for (const event of events) {
    if (event.event === 'begun') {
      const { trial: number, seed, bracket, point } = event;
      const fresh = { number, seed, bracket, point, results: [], rung: -1, pending: 0, failed: null };
      if (!trials.has(number)) trials.set(number, fresh);
      continue;
    }
    const trial = trials.get(event.trial);
    if (trial) trials.set(event.trial, { ...trial, ...changes(trial, event) });
  }
  return [...trials.values()].sort((a, b) => a.number - b.number);
}

function changes(trial: Trial, event: Exclude<Event, { event: 'begun' }>): Partial<Trial> {
  const { rung } = event;
  if (event.event === 'promoted') return rung > trial.rung ? { pending: rung } : {};
  if (event.event === 'failed') return { failed: { rung, reason: event.reason }, pending: null };
  if (rung !== trial.rung + 1) return {};
  const { value, loss, epoch, epochs, seconds } = event;
  const results = [...trial.results, { value, loss, epoch, epochs, seconds }];
  return { results, rung, pending: null };
}
