import { describe, expect, it } from 'vitest';
import { type Event, trialsOf } from './journal.ts';
import { makePruner, type PrunerOptions, promotable } from './rungs.ts';

const make = (options: Partial<PrunerOptions> = {}) =>
  makePruner({ kind: 'halving', epochs: 27, leastEpochs: 1, reduction: 3, ...options });

const begun = (trial: number): Event => ({ event: 'begun', trial, seed: 0, bracket: 0, point: {} });
const result = (trial: number, rung: number, loss: number): Event => ({
  ...{ event: 'result', trial, rung, loss, value: loss },
  ...{ epoch: 1, epochs: 1, seconds: 1 },
});
const promoted = (trial: number, rung: number): Event => ({ event: 'promoted', trial, rung });
const failed = (trial: number, rung: number): Event => ({ event: 'failed', trial, rung, reason: 'NaN' });
const next = (events: readonly Event[], complete = false) =>
  promotable(trialsOf(events), make(), complete).map(({ trial, rung }) => [trial.number, rung]);

describe('makePruner()', () => {
  it('divides a whole training again and again', () => {
    expect(make().brackets).toEqual([[1, 3, 9, 27]]);
    expect(make({ epochs: 50 }).brackets).toEqual([[2, 6, 17, 50]]);
    expect(make({ epochs: 50, leastEpochs: 5 }).brackets).toEqual([[6, 17, 50]]);
    expect(make({ epochs: 1 }).brackets).toEqual([[1]]);
    expect(make({ kind: 'none' }).brackets).toEqual([[27]]);
  });

  it('gives the brackets of hyperband as many trials as Li et al. do, mixed', () => {
    const { brackets, bracketOf } = make({ kind: 'hyperband' });
    expect(brackets).toEqual([[1, 3, 9, 27], [3, 9, 27], [9, 27], [27]]);
    const wanted = [27, 12, 6, 4];
    const counts = (trials: number) => {
      const counted = [0, 0, 0, 0];
      for (let trial = 0; trial < trials; trial++) counted[bracketOf(trial)]++;
      return counted;
    };
    for (const [i, count] of counts(490).entries())
      expect(Math.abs(count - 10 * wanted[i])).toBeLessThanOrEqual(3);
    expect(counts(12).filter((count) => count > 0).length).toBeGreaterThanOrEqual(3);
  });
});

describe('promotable()', () => {
  const three = [begun(0), begun(1), begun(2), result(0, 0, 3), result(1, 0, 1)];

  it('lets one in three go on, as soon as three have come', () => {
    expect(next(three)).toEqual([]);
    expect(next([...three, result(2, 0, 2)])).toEqual([[1, 1]]);
    expect(next([...three, result(2, 0, 2), promoted(1, 1)])).toEqual([]);
  });

  it('counts a trial that failed as one that came last', () => {
    expect(next([...three, failed(2, 0)])).toEqual([[1, 1]]);
    expect(next([begun(0), begun(1), begun(2), failed(0, 0), failed(1, 0), failed(2, 0)], true)).toEqual([]);
  });

  it('lets the best of those that wait go on in place of one that died on its way', () => {
    const died = [...three, result(2, 0, 2), promoted(1, 1), failed(1, 1)];
    expect(next(died)).toEqual([[2, 1]]);
  });

  it('goes on with the furthest first', () => {
    const events = Array.from({ length: 12 }, (_, i) => [begun(i), result(i, 0, i)]).flat();
    for (const trial of [0, 1, 2]) events.push(promoted(trial, 1), result(trial, 1, trial));
    expect(next(events)).toEqual([
      [0, 2],
      [3, 1],
    ]);
  });

  it('trains the best to its end once nobody else can come', () => {
    const two = [begun(0), begun(1), result(0, 0, 2), result(1, 0, 1)];
    expect(next(two)).toEqual([]);
    expect(next(two, true)).toEqual([[1, 1]]);
    expect(next([begun(2), ...two], true)).toEqual([]);
    const up = [...two, promoted(1, 1), result(1, 1, 9)];
    expect(next(up, true)).toEqual([[1, 2]]);
    expect(next([...up, promoted(1, 2), result(1, 2, 9), promoted(1, 3), result(1, 3, 9)], true)).toEqual([]);
  });
});
