/**
 * After how many epochs trials are looked at, and which go on: asynchronous successive halving (ASHA; Li et al. 2020, "A
 * system for massively parallel hyperparameter tuning", algorithm 2), and hyperband over it (Li et al. 2018), whose
 * brackets begin to look at different times, in case that what is good late looks bad early.
 */
import type { Trial } from './journal.ts';

export const PRUNERS = ['none', 'halving', 'hyperband'] as const;
export type PrunerName = (typeof PRUNERS)[number];

export interface Pruner {
  /** Epochs at the rungs of each bracket, rising; the last is a whole training. */
  readonly brackets: readonly (readonly number[])[];
  /** One of `reduction` trials goes on from a rung. */
  readonly reduction: number;
  /** Bracket of a trial, by its number. */
  bracketOf(trial: number): number;
}

export interface PrunerOptions {
  readonly kind: PrunerName;
  /** Of a whole training. */
  readonly epochs: number;
  /** Before a trial may be left. */
  readonly leastEpochs: number;
  readonly reduction: number;
}

export function makePruner({ kind, epochs, leastEpochs, reduction }: PrunerOptions): Pruner {
  const rungs = kind === 'none' ? [epochs] : rungsOf(epochs, leastEpochs, reduction);
  if (kind !== 'hyperband') return { brackets: [rungs], reduction, bracketOf: () => 0 };
  const brackets = rungs.map((_, begin) => rungs.slice(begin));
  // As many trials as hyperband gives a bracket, so that all cost about the same: ⌈rungs/(s + 1)·η^s⌉.
  const shares = brackets.map(({ length }) => Math.ceil((rungs.length / length) * reduction ** (length - 1)));
  const cycle = shares.reduce((sum, share) => sum + share, 0);
  const ends = shares.map((_, i) => shares.slice(0, i + 1).reduce((sum, share) => sum + share, 0));
  // Spread over the cycle, so that a search which is stopped early has some of each.
  const bracketOf = (trial: number) => {
    const place = (((trial * GOLDEN) % 1) + 1e-12) * cycle;
    return ends.findIndex((end) => place < end);
  };
  return { brackets, reduction, bracketOf };
}

/** Multiples of the golden ratio, less their whole parts, lie evenly over [0, 1) however many there are. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** From the whole training down by `reduction`. */
function rungsOf(epochs: number, least: number, reduction: number): number[] {
  const rungs = [epochs];
  for (let n = epochs / reduction; n >= least; n /= reduction) {
    const rung = Math.round(n);
    if (rung < rungs[0]) rungs.unshift(rung);
  }
  return rungs;
}

/** A piece of work: to train a trial from the rung before up to this one. */
export interface Unit {
  readonly trial: Trial;
  readonly rung: number;
}

/**
 * Trials that may go on, the most promising first. From a rung goes on who is among its best, one in `reduction`; once
 * nobody can come to a rung any more, at least the best of it.
 * @param complete whether all trials have begun
 */
export function promotable(trials: readonly Trial[], pruner: Pruner, complete: boolean): Unit[] {
  return pruner.brackets
    .flatMap((rungs, bracket) => {
      const mine = trials.filter((trial) => trial.bracket === bracket);
      let closed = complete;
      const units: Unit[] = [];
      for (let rung = 0; rung + 1 < rungs.length; rung++) {
        closed &&= !mine.some((trial) => trial.pending === rung);
        const arrived = mine.filter((trial) => trial.rung >= rung || trial.failed?.rung === rung);
        // Who died on the way up leaves the place to the next.
        const best = arrived.filter((trial) => trial.rung >= rung && !trial.failed).sort(byValueAt(rung));
        const places = Math.max(closed ? 1 : 0, Math.floor(arrived.length / pruner.reduction));
        const next = best.slice(0, places).filter((trial) => trial.rung === rung && trial.pending === null);
        units.push(...next.map((trial) => ({ trial, rung: rung + 1 })));
        closed &&= next.length === 0;
      }
      return units;
    })
    .sort((a, b) => b.rung - a.rung);
}

const byValueAt = (rung: number) => (a: Trial, b: Trial) =>
  a.results[rung].loss - b.results[rung].loss || a.number - b.number;
