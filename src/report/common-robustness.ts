/** Several runs side by side as far as the same was measured of all: means over other corruptions would not compare. */
import { type RobustnessPoint, robustness } from '../measure/robustness.ts';
import type { RobustRun } from './figures/robustness-figure.ts';

interface Measured {
  readonly name: string;
  readonly found: { readonly points: readonly RobustnessPoint[] };
}

/** With the corruptions and severities that all of them have; empty where there are none. */
export function commonRobustness(runs: readonly Measured[]): RobustRun[] {
  const has = ({ found }: Measured, { corruption, severity }: RobustnessPoint) =>
    found.points.some((point) => point.corruption === corruption && point.severity === severity);
  const common = runs.map(({ name, found }) => ({
    name,
    points: found.points.filter((point) => runs.every((run) => has(run, point))),
  }));
  return common.every(({ points }) => points.some(({ severity }) => severity > 0))
    ? common.map(({ name, points }) => ({ name, result: robustness(points) }))
    : [];
}

/** Whether some of them were measured on more than that. */
export function hasMore(runs: readonly Measured[]): boolean {
  const [first] = runs;
  const key = ({ found }: Measured) =>
    JSON.stringify(found.points.map(({ corruption, severity }) => `${corruption} ${severity}`).sort());
  return runs.some((run) => key(run) !== key(first));
}
