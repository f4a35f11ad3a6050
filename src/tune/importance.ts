/**
 * How much each parameter matters: PED-ANOVA (Watanabe, Bansal & Hutter 2023, arXiv:2304.10255). The variance
 * that a parameter alone explains of being among the best is E[(p_best(x)/p_all(x) − 1)²], x drawn from p_all: 0 where the
 * best trials have the values that all have. Densities are of one dimension, so that nothing has to be fitted.
 */
import { axisOf, placeOf } from './axis.ts';
import { TruncatedNormal } from './normal.ts';
import { finiteValues, type Parameter, type Point, type Space, type Value, valueText } from './space.ts';

export interface Importance {
  readonly name: string;
  /** Of all parameters together: 0 … 1. */
  readonly share: number;
}

/** Fewer trials say nothing. */
export const LEAST_TRIALS = 20;
/** Share of the trials that are the best. */
const BEST = 0.2;
/** Lists of up to so many values are counted, longer ones and ranges smoothed. */
const MOST_COUNTED = 12;
const PLACES = 100;
const LEAST_BANDWIDTH = 0.05;

/** @param ranked points of trials that did not fail, the best first; undefined where they are too few */
export function importances(space: Space, ranked: readonly Point[]): Importance[] | undefined {
  if (ranked.length < LEAST_TRIALS) return undefined;
  const best = ranked.slice(0, Math.ceil(BEST * ranked.length));
  const variances = Object.entries(space.parameters).map(([name, parameter]) => {
    const values = (points: readonly Point[]) =>
      points.flatMap((point) => (name in point ? [point[name]] : []));
    const [mine, all] = [values(best), values(ranked)].map((list) => densities(parameter, list));
    const variance = all.reduce((sum, p, i) => sum + p * (mine[i] / p - 1) ** 2, 0);
    return { name, variance };
  });
  const total = variances.reduce((sum, { variance }) => sum + variance, 0);
  return variances
    .map(({ name, variance }) => ({ name, share: total > 0 ? variance / total : 0 }))
    .sort((a, b) => b.share - a.share);
}

/** Probabilities of values, or of equal parts of the axis; none is 0. */
function densities(parameter: Parameter, values: readonly Value[]): number[] {
  const list = finiteValues(parameter);
  if (list && (parameter.type === 'categorical' || list.length <= MOST_COUNTED)) return counted(list, values);
  const axis = axisOf(parameter);
  if (axis.kind === 'choice') return counted(axis.choices, values);
  const places = values.map((value) => placeOf(axis, value));
  const width = Math.max(LEAST_BANDWIDTH, scott(places));
  const kernels = places.map((place) => new TruncatedNormal(place, width));
  return Array.from({ length: PLACES }, (_, i) => {
    const x = (i + 0.5) / PLACES;
    // The 1 is a uniform prior, with the weight of one trial.
    return kernels.reduce((sum, kernel) => sum + kernel.density(x), 1) / (kernels.length + 1) / PLACES;
  });
}

/** With a prior of one trial for all values together. */
function counted(list: readonly Value[], values: readonly Value[]): number[] {
  const texts = values.map(valueText);
  return list.map(
    (value) =>
      (texts.filter((text) => text === valueText(value)).length + 1 / list.length) / (values.length + 1),
  );
}

/** Scott's rule. */
function scott(places: readonly number[]): number {
  const n = places.length;
  if (n < 2) return 1;
  const mean = places.reduce((sum, x) => sum + x, 0) / n;
  const variance = places.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1);
  return 1.06 * Math.sqrt(variance) * n ** -0.2;
}
