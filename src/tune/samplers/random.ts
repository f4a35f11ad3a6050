/** Random search: values are drawn evenly, those of numbers evenly over their scale. */
import type { Random } from '../../random.ts';
import { axisOf } from '../axis.ts';
import { choose, type Point, type Space } from '../space.ts';
import type { Sampler } from './sampler.ts';

/** Proposals, in case that the first were tried already. */
const PROPOSALS = 32;

export const randomSampler: Sampler = (space, _known, random) =>
  Array.from({ length: PROPOSALS }, () => randomPoint(space, random));

export function randomPoint(space: Space, random: Random): Point {
  return choose(space, (_name, parameter) => {
    const axis = axisOf(parameter);
    return axis.kind === 'choice' ? axis.choices[random.int(axis.choices.length)] : axis.at(random.uniform());
  });
}
