/** What all figures of a search share: the trials that they draw, and an axis of values. */
import { decimal, median } from '../../report/format.ts';
import type { Trial } from '../journal.ts';
import { OBJECTIVES, type ObjectiveName } from '../objective.ts';
import { type Space, valueText } from '../space.ts';

export interface FigureInput {
  readonly space: Space;
  readonly objective: ObjectiveName;
  readonly trials: readonly Trial[];
  readonly best: Trial;
}

interface Seen {
  readonly trial: Trial;
  readonly value: number;
  /** The value, or the end of the axis where it is beyond. */
  readonly shown: number;
}

/** How far the axis of values reaches to the worse side: so many times the distance from the best to the median. */
const REACH = 3;

/** Trials with a value, and the ends of an axis on which a few that went wrong do not press the others together. */
export function seenOf({ trials, objective }: FigureInput): { seen: Seen[]; domain: [number, number] } {
  const { sign } = OBJECTIVES[objective];
  const reached = trials.filter(({ results }) => results.length > 0);
  const losses = reached.map(({ results }) => results[results.length - 1].loss);
  const [best, worst] = [Math.min(...losses), Math.max(...losses)];
  const limit = Math.min(
    worst,
    Math.max(best + REACH * (median(losses) - best), best + Math.abs(best) * 0.01),
  );
  const seen = reached.map((trial, i) => ({
    trial,
    value: sign * losses[i],
    shown: sign * Math.min(losses[i], limit),
  }));
  return { seen, domain: sign > 0 ? [best, limit] : [-limit, -best] };
}

export const valueAxis = ({ objective }: FigureInput, domain: [number, number]) => ({
  type: 'quantitative' as const,
  scale: { domain, nice: true, zero: false },
  axis: { title: OBJECTIVES[objective].title, tickCount: 6 },
});

export function pointWords({ point }: Pick<Trial, 'point'>): string {
  return Object.entries(point)
    .map(([name, value]) => `${name} ${valueText(value)}`)
    .join(', ');
}

/** A loss or a share, with four significant decimals. */
export function valueNumber(value: number): string {
  return decimal(value, Math.abs(value) >= 100 ? 1 : 4);
}
