/**
 * A search: as long as there is work, takes a piece of it, does it, and writes down what came out. Any number of
 * processes may do this in one folder: each piece is claimed, and what is chosen next follows from the journal alone.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolder } from '../files.ts';
import { type Claim, claim } from '../jobs/claim.ts';
import { random } from '../random.ts';
import { appendEvent, type Result, readTrials, type Trial } from './journal.ts';
import { type Pruner, promotable, type Unit } from './rungs.ts';
import { randomSampler } from './samplers/random.ts';
import type { Known } from './samplers/sampler.ts';
import { SAMPLERS, type SamplerName } from './samplers/table.ts';
import { allPoints, type Point, type Space, valueText } from './space.ts';

/** What came of a piece of work. */
export type Found = Result | 'interrupted' | { readonly failure: string };

export interface SearchOptions {
  /** Where journal and claims are. */
  readonly folder: string;
  readonly space: Space;
  readonly sampler: SamplerName;
  readonly pruner: Pruner;
  /** Trials in all, over all processes and all times that the search was gone on with. */
  readonly trials: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Trains a trial up to a rung. Throws where that says nothing of the trial: it is then left to be done. */
  readonly evaluate: (unit: Unit, claim: Claim) => Promise<Found>;
  readonly onUnit?: (unit: Unit, state: 'begins' | Found) => void;
}

/** A piece of work that is in our hands. */
interface Held {
  readonly unit: Unit;
  readonly claim: Claim;
}

/**
 * Goes on until there is nothing to do that another process does not do already, or until a trial is interrupted.
 * @returns whether one was, by the signal or by somebody who stopped it alone
 */
export async function search(options: SearchOptions): Promise<boolean> {
  const { folder, signal, evaluate, onUnit } = options;
  await makeFolder(folder);
  while (!signal.aborted) {
    const held = await nextWork(options);
    if (!held) return false;
    const { unit } = held;
    const at = { trial: unit.trial.number, rung: unit.rung };
    onUnit?.(unit, 'begins');
    try {
      const found = await evaluate(unit, held.claim);
      if (found !== 'interrupted')
        await appendEvent(
          folder,
          'failure' in found
            ? { event: 'failed', ...at, reason: found.failure }
            : { event: 'result', ...at, ...found },
        );
      onUnit?.(unit, found);
      if (found === 'interrupted') return true;
    } finally {
      await held.claim.release();
    }
  }
  return true;
}

/** How often, and how long, to look again while another process writes a trial down. */
const PATIENCE = { attempts: 200, milliseconds: 50 };

async function nextWork(options: SearchOptions): Promise<Held | undefined> {
  const { folder, pruner, space } = options;
  const points = allPoints(space, options.trials);
  const wanted = Math.min(options.trials, points?.length ?? Number.POSITIVE_INFINITY);
  for (let attempt = 0; attempt < PATIENCE.attempts; attempt++) {
    const trials = await readTrials(folder);
    const left = trials.flatMap((trial) => (trial.pending === null ? [] : [{ trial, rung: trial.pending }]));
    for (const unit of left) {
      const held = await take(folder, unit, (now) => now?.pending === unit.rung);
      if (held) return held;
    }
    for (const unit of promotable(trials, pruner, trials.length >= wanted)) {
      const { number, rung } = unit.trial;
      const held = await take(folder, unit, (now) => now?.rung === rung && now.pending === null);
      if (!held) continue;
      await appendEvent(folder, { event: 'promoted', trial: number, rung: unit.rung });
      return held;
    }
    if (trials.length >= wanted) return undefined;
    const begun = await begin(options, trials);
    if (begun) return begun;
    await sleep(PATIENCE.milliseconds);
  }
  return undefined;
}

const nameOf = (trial: number, rung: number) => `${trial}-rung${rung}`;

/** Claims a piece of work; null where another has it, or where `isLeft` says no of what the journal says now. */
async function take(
  folder: string,
  unit: Unit,
  isLeft: (now: Trial | undefined) => boolean,
): Promise<Held | null> {
  const held = await claim(join(folder, 'claims'), nameOf(unit.trial.number, unit.rung));
  if (!held) return null;
  // Finished and let go by another between our reading and our claim.
  const now = (await readTrials(folder)).find(({ number }) => number === unit.trial.number);
  if (now && isLeft(now)) return { unit: { ...unit, trial: now }, claim: held };
  await held.release();
  return null;
}

/** Begins a new trial; null where another process begins one at this moment, whose point should be known first. */
async function begin(options: SearchOptions, trials: readonly Trial[]): Promise<Held | null> {
  const { folder, pruner, seed } = options;
  const number = (trials.at(-1)?.number ?? -1) + 1;
  const held = await claim(join(folder, 'claims'), nameOf(number, 0));
  if (!held) return null;
  const known = await readTrials(folder);
  if (known.some((trial) => trial.number === number)) {
    await held.release();
    return null;
  }
  const begun = {
    trial: number,
    seed: random(seed, 'trial', number).int(2 ** 31 - 1),
    bracket: pruner.bracketOf(number),
    point: suggest(options, known, number),
  };
  await appendEvent(folder, { event: 'begun', ...begun });
  const trial = (await readTrials(folder)).find((each) => each.number === number);
  if (!trial) throw new Error(`search(): expected trial ${number} in ${folder}, got none`);
  return { unit: { trial, rung: 0 }, claim: held };
}

/** Points of a space that is gone through for one that was not tried. */
const SMALL = 10_000;

function suggest(
  { space, sampler, pruner, seed }: SearchOptions,
  trials: readonly Trial[],
  number: number,
): Point {
  const known = knownOf(trials, pruner, number);
  const proposed = SAMPLERS[sampler](space, known, random(seed, 'suggest', number));
  const tried = new Set(trials.map(({ point }) => pointText(point)));
  const isNew = (point: Point) => !tried.has(pointText(point));
  // In a small space everything that is proposed may have been tried, while other points were not.
  return (
    proposed.find(isNew) ??
    randomSampler(space, known, random(seed, 'else', number)).find(isNew) ??
    allPoints(space, SMALL)?.find(isNew) ??
    proposed[0]
  );
}

function pointText(point: Point): string {
  return Object.entries(point)
    .map(([name, value]) => `${name}=${valueText(value)}`)
    .join(' ');
}

/** Who came further is better, because who was left behind was worse; at the same rung the value decides. */
export function knownOf(trials: readonly Trial[], pruner: Pruner, trial: number): Known {
  const epochs = ({ bracket, rung }: Trial) => pruner.brackets[bracket][rung];
  const isKnown = ({ results, failed }: Trial) => results.length > 0 && !failed;
  const loss = ({ results }: Trial) => results[results.length - 1].loss;
  const ranked = trials
    .filter(isKnown)
    .sort((a, b) => epochs(b) - epochs(a) || loss(a) - loss(b) || a.number - b.number);
  const shunned = trials.filter((each) => !isKnown(each));
  return { ranked: ranked.map(({ point }) => point), shunned: shunned.map(({ point }) => point), trial };
}

/** The best of the trials that came furthest; undefined where none has come to a rung. */
export function bestTrial(trials: readonly Trial[], pruner: Pruner): Trial | undefined {
  const epochs = ({ bracket, rung }: Trial) => pruner.brackets[bracket][rung];
  const reached = trials.filter(({ results }) => results.length > 0);
  return reached.sort(
    (a, b) => epochs(b) - epochs(a) || a.results[a.rung].loss - b.results[b.rung].loss || a.number - b.number,
  )[0];
}
