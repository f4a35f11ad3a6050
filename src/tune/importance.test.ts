import { describe, expect, it } from 'vitest';
import { random } from '../random.ts';
import { importances, LEAST_TRIALS } from './importance.ts';
import { randomPoint } from './samplers/random.ts';
import { defineSpace, type Point } from './space.ts';

const float = { type: 'float' as const, low: -1, high: 1 };
const space = defineSpace({
  parameters: {
    idle: float,
    weak: float,
    strong: float,
    kind: { type: 'categorical', choices: ['a', 'b', 'c'] },
    only: { ...float, when: { kind: 'c' } },
  },
});

function ranked(loss: (point: Point) => number, trials: number): Point[] {
  const stream = random(5, 'points');
  return Array.from({ length: trials }, () => randomPoint(space, stream)).sort((a, b) => loss(a) - loss(b));
}

const shares = (points: readonly Point[]) =>
  Object.fromEntries((importances(space, points) ?? []).map(({ name, share }) => [name, share]));

describe('importances()', () => {
  it('follows the weights of a function that is known', () => {
    const of = shares(ranked(({ strong, weak }) => 10 * Number(strong) ** 2 + 2 * Number(weak) ** 2, 300));
    expect(of.strong).toBeGreaterThan(0.6);
    expect(of.weak).toBeGreaterThan(2 * of.idle);
    expect(of.strong).toBeGreaterThan(3 * of.weak);
    expect(of.idle + of.kind).toBeLessThan(0.1);
    expect(Object.values(of).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  });

  it('sees categories, and parameters that only some trials have', () => {
    const ofKind = shares(ranked(({ kind, weak }) => (kind === 'b' ? 0 : 5) + Number(weak), 300));
    expect(ofKind.kind).toBeGreaterThan(0.6);
    const ofOnly = shares(
      ranked(({ kind, only = null }) => (kind === 'c' ? Math.abs(Number(only) - 0.9) : 0.5), 300),
    );
    expect(ofOnly.only).toBeGreaterThan(ofOnly.strong + ofOnly.weak + ofOnly.idle);
  });

  it('says nothing of a few trials', () => {
    expect(
      importances(
        space,
        ranked(() => 0, LEAST_TRIALS - 1),
      ),
    ).toBeUndefined();
  });
});
