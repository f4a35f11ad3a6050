import { appendFile, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { readTrials, type Trial } from './journal.ts';
import { makePruner, type Unit } from './rungs.ts';
import { bestTrial, type Found, type SearchOptions, search } from './search.ts';
import { defineSpace } from './space.ts';

const space = defineSpace({
  parameters: {
    x: { type: 'float', low: -1, high: 1 },
    kind: { type: 'categorical', choices: ['a', 'b', 'c'] },
  },
});
const whole = makePruner({ kind: 'none', epochs: 9, leastEpochs: 1, reduction: 3 });
const halving = makePruner({ kind: 'halving', epochs: 9, leastEpochs: 1, reduction: 3 });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'soma-tune-'));
});

function found({ trial: { point }, rung }: Unit): Found {
  const loss = (Number(point.x) - 0.3) ** 2 + (point.kind === 'b' ? 0 : 1) + 1 / (rung + 1);
  return { value: loss, loss, epoch: rung + 1, epochs: rung + 1, seconds: 1 };
}

function go(options: Partial<SearchOptions> = {}): Promise<boolean> {
  const signal = new AbortController().signal;
  return search({
    ...{ folder, space, sampler: 'tpe', pruner: whole, trials: 20, seed: 1, signal },
    evaluate: async (unit) => found(unit),
    ...options,
  });
}

const points = (trials: readonly Trial[]) =>
  trials.map(({ number, seed, point }) => ({ number, seed, point }));

describe('search()', () => {
  it('makes as many trials as are wanted, each with a seed of its own, and more where more are', async () => {
    await go();
    const trials = await readTrials(folder);
    expect(trials.map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(new Set(trials.map(({ seed }) => seed)).size).toBe(20);
    await go({ trials: 23 });
    const more = await readTrials(folder);
    expect(more).toHaveLength(23);
    expect(points(more.slice(0, 20))).toEqual(points(trials));
    expect(bestTrial(more, whole)?.point.kind).toBe('b');
  });

  it('makes the same search of the same seed, whether or not it is stopped between', async () => {
    await go();
    const together = await readTrials(folder);
    folder = await mkdtemp(join(tmpdir(), 'soma-tune-'));
    for (const stopAfter of [1, 5, 7, 30]) {
      const abort = new AbortController();
      let begun = 0;
      // The last trial of each turn is left in the middle.
      const evaluate = async (unit: Unit) => {
        if (++begun < stopAfter) return found(unit);
        abort.abort();
        return 'interrupted' as const;
      };
      await go({ evaluate, signal: abort.signal });
    }
    expect(points(await readTrials(folder))).toEqual(points(together));
  });

  it('is shared without a trial done twice or two trials alike', async () => {
    const done: string[] = [];
    const evaluate = async (unit: Unit) => {
      done.push(`${unit.trial.number} ${unit.rung}`);
      await sleep(unit.trial.number % 3);
      return found(unit);
    };
    await Promise.all([1, 2, 3, 4].map(() => go({ evaluate, pruner: halving })));
    expect(new Set(done).size).toBe(done.length);
    const trials = await readTrials(folder);
    expect(trials.map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(new Set(trials.map(({ point }) => JSON.stringify(point))).size).toBe(20);
    expect(trials.every(({ pending }) => pending === null)).toBe(true);
    expect(bestTrial(trials, halving)?.rung).toBe(2);
  });

  it('trains few trials far, and those are the good ones', async () => {
    await go({ pruner: halving, sampler: 'random', trials: 27 });
    const trials = await readTrials(folder);
    const reached = [0, 1, 2].map((rung) => trials.filter((trial) => trial.rung >= rung).length);
    expect(reached[0]).toBe(27);
    expect(reached[1]).toBeGreaterThanOrEqual(9);
    expect(reached[1]).toBeLessThanOrEqual(14);
    expect(reached[2]).toBeGreaterThanOrEqual(3);
    expect(reached[2]).toBeLessThanOrEqual(6);
    const best = trials.reduce((a, b) => (b.results[0].loss < a.results[0].loss ? b : a));
    expect(best.rung).toBe(2);
  });

  it('leaves a trial to be done of which the machine, not the training, said no', async () => {
    let faults = 0;
    const evaluate = async (unit: Unit): Promise<Found> => {
      if (unit.trial.number === 3 && faults++ === 0) throw new Error('no space left');
      return found(unit);
    };
    await expect(go({ evaluate })).rejects.toThrow('no space left');
    const [last] = (await readTrials(folder)).slice(-1);
    expect([last.number, last.pending, last.failed]).toEqual([3, 0, null]);
    expect(await go({ evaluate })).toBe(false);
    expect((await readTrials(folder)).filter(({ results }) => results.length === 1)).toHaveLength(20);
  });

  it('goes on past trials that fail, and does not go there again', async () => {
    const evaluate = async (unit: Unit): Promise<Found> =>
      unit.trial.point.kind === 'a' ? { failure: 'NaN in epoch 1' } : found(unit);
    await go({ evaluate, trials: 40 });
    const trials = await readTrials(folder);
    const failed = trials.filter((trial) => trial.failed);
    expect(failed[0].failed).toEqual({ rung: 0, reason: 'NaN in epoch 1' });
    const after = trials.slice(15).filter((trial) => trial.failed);
    expect(after.length).toBeLessThan(25 / 4);
    expect(bestTrial(trials, whole)?.failed).toBeNull();
  });

  it('forgets a line that was cut off by a kill', async () => {
    await go({ trials: 3 });
    await appendFile(join(folder, 'journal.jsonl'), '{"event":"begun","trial":3,"se');
    await go({ trials: 4 });
    expect(await readTrials(folder)).toHaveLength(4);
    expect(await readFile(join(folder, 'journal.jsonl'), 'utf8')).toContain('"trial":3,"seed"');
  });

  it('goes through a grid once, in order, and ends there', async () => {
    const grid = defineSpace({
      parameters: { kind: { type: 'categorical', choices: ['a', 'b'] }, n: { type: 'int', low: 1, high: 3 } },
    });
    const evaluate = async (): Promise<Found> => ({ value: 1, loss: 1, epoch: 1, epochs: 1, seconds: 1 });
    await go({ space: grid, sampler: 'grid', evaluate });
    const trials = await readTrials(folder);
    expect(trials.map(({ point }) => `${point.kind}${point.n}`)).toEqual([
      'a1',
      'a2',
      'a3',
      'b1',
      'b2',
      'b3',
    ]);
  });

  it('tries all points of a small space before it ends', async () => {
    const small = defineSpace({ parameters: { n: { type: 'int', low: 1, high: 18 } } });
    const evaluate = async ({ trial }: Unit): Promise<Found> => {
      const loss = Number(trial.point.n);
      return { value: loss, loss, epoch: 1, epochs: 1, seconds: 1 };
    };
    await go({ space: small, evaluate, trials: 50 });
    const seen = (await readTrials(folder)).map(({ point }) => Number(point.n));
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 18 }, (_, i) => i + 1));
  });
});
