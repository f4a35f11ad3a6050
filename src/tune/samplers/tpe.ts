/**
 * The tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for hyper-parameter optimization"), multivariate
 * (Falkner et al. 2018; Watanabe 2023, arXiv:2304.11127): one density l of the good points and one g of all others; of
 * points drawn from l, those with the largest l/g are proposed.
 *
 * Points under way count as bad, as a constant liar's do, so that processes which search at once go to different places;
 * so do those that failed.
 */
import { axisOf } from '../axis.ts';
import { Parzen } from '../parzen.ts';
import { randomSampler } from './random.ts';
import type { Sampler } from './sampler.ts';

/** Trials that are chosen at random, before there is anything to learn from. */
const RANDOM_TRIALS = 10;
/** Share of the points that is called good, and how many at most. */
const GOOD = 0.15;
const MOST_GOOD = 25;
/** Points drawn from l. */
const CANDIDATES = 24;

export const tpe: Sampler = (space, known, random) => {
  const { ranked, shunned, trial } = known;
  if (trial < RANDOM_TRIALS || ranked.length < RANDOM_TRIALS / 2) return randomSampler(space, known, random);
  const axes = Object.fromEntries(
    Object.entries(space.parameters).map(([name, parameter]) => [name, axisOf(parameter)]),
  );
  const all = ranked.length + shunned.length;
  const good = Math.min(ranked.length, MOST_GOOD, Math.ceil(GOOD * all));
  const l = new Parzen(space, axes, ranked.slice(0, good));
  const g = new Parzen(space, axes, [...ranked.slice(good), ...shunned]);
  return Array.from({ length: CANDIDATES }, () => l.draw(random))
    .map((point) => ({ point, gain: l.log(point) - g.log(point) }))
    .sort((a, b) => b.gain - a.gain)
    .map(({ point }) => point);
};
