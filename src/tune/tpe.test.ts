/** Whether TPE finds the optimum of known functions in fewer trials than random search: over 20 seeds, not in one lucky one. */
import { describe, expect, it } from 'vitest';
import { random } from '../random.ts';
import { randomSampler } from './samplers/random.ts';
import type { Sampler } from './samplers/sampler.ts';
import { tpe } from './samplers/tpe.ts';
import { defineSpace, type Point, type Space } from './space.ts';

interface Problem {
  readonly space: Space;
  readonly of: (point: Point) => number;
}

const float = (low: number, high: number) => ({ type: 'float' as const, low, high });
const numbers = (point: Point) => Object.values(point).map(Number);

/** All have their least value 0, somewhere that is not the middle of the space. */
const PROBLEMS: Record<string, Problem> = {
  sphere: {
    space: defineSpace({
      parameters: { a: float(-5, 5), b: float(-5, 5), c: float(-5, 5), d: float(-5, 5) },
    }),
    of: (point) => numbers(point).reduce((sum, x) => sum + (x - 1.7) ** 2, 0),
  },
  branin: {
    space: defineSpace({ parameters: { x: float(-5, 10), y: float(0, 15) } }),
    of: (point) => {
      const [x, y] = numbers(point);
      const bowl = (y - (5.1 / (4 * Math.PI ** 2)) * x ** 2 + (5 / Math.PI) * x - 6) ** 2;
      return bowl + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10 - 0.397887;
    },
  },
  rosenbrock: {
    space: defineSpace({ parameters: { a: float(-2, 2), b: float(-2, 2), c: float(-2, 2) } }),
    of: (point) => {
      const [a, b, c] = numbers(point);
      const valley = (x: number, y: number) => 100 * (y - x ** 2) ** 2 + (1 - x) ** 2;
      return valley(a, b) + valley(b, c);
    },
  },
  // As settings of a training are: categories, logarithms, whole numbers, and one that only some have.
  mixed: {
    space: defineSpace({
      parameters: {
        kind: { type: 'categorical', choices: ['adam', 'sgd', 'lion', 'none'] },
        momentum: { ...float(0, 1), when: { kind: 'sgd' } },
        lr: { type: 'float', low: 1e-5, high: 1, scale: 'log' },
        units: { type: 'int', low: 8, high: 256, scale: 'log' },
        dropout: { type: 'ordered', values: [0.1, 0.2, 0.3, 0.5] },
      },
    }),
    of: ({ kind, momentum = null, lr, units, dropout }) =>
      ({ adam: 0.3, sgd: 0, lion: 1, none: 2 })[`${kind}`]! +
      (momentum === null ? 0 : (Number(momentum) - 0.8) ** 2) +
      (Math.log10(Number(lr)) + 3) ** 2 +
      (Math.log2(Number(units)) - 6) ** 2 / 4 +
      Number(dropout) -
      0.1,
  },
};

const SEEDS = Array.from({ length: 20 }, (_, i) => 1000 + i);
const TRIALS = 60;

/** Best value after each trial. */
function descent({ space, of }: Problem, sampler: Sampler, seed: number): number[] {
  const seen: { point: Point; value: number }[] = [];
  const best: number[] = [];
  for (let trial = 0; trial < TRIALS; trial++) {
    const known = { ranked: seen.map(({ point }) => point), shunned: [], trial };
    const [point] = sampler(space, known, random(seed, 'suggest', trial));
    const value = of(point);
    seen.push({ point, value });
    seen.sort((a, b) => a.value - b.value);
    best.push(seen[0].value);
  }
  return best;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Seeds with which `sampler` ends lower than random search, and trials to where that ends in the middle. */
function contest(problem: Problem, sampler: Sampler, seeds: readonly number[]) {
  const rows = SEEDS.map((seed, i) => ({
    theirs: descent(problem, randomSampler, seed),
    ours: descent(problem, sampler, seeds[i]),
  }));
  const end = TRIALS - 1;
  const target = median(rows.map(({ theirs }) => theirs[end]));
  const trialsTo = (best: readonly number[]) => best.filter((value) => value > target).length;
  return {
    wins: rows.filter(({ ours, theirs }) => ours[end] < theirs[end]).length,
    trials: median(rows.map(({ ours }) => trialsTo(ours))),
  };
}

/** Of 20 fair coins 15 or more show heads with probability 0.021. */
const BEYOND_CHANCE = 15;

describe('TPE', () => {
  it.each(Object.entries(PROBLEMS))('beats random search on %s', (_name, problem) => {
    const { wins, trials } = contest(problem, tpe, SEEDS);
    expect(wins).toBeGreaterThanOrEqual(BEYOND_CHANCE);
    expect(trials).toBeLessThan(0.75 * TRIALS);
  });

  it('is not beaten by luck: random search with other seeds does not pass', () => {
    const others = SEEDS.map((seed) => seed + 5000);
    for (const problem of Object.values(PROBLEMS)) {
      const { wins } = contest(problem, randomSampler, others);
      expect(wins).toBeLessThan(BEYOND_CHANCE);
    }
  });
});
