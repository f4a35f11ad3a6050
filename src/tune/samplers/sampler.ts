/** What chooses the points of a search. */
import type { Random } from '../../random.ts';
import type { Point, Space } from '../space.ts';

/** What is known when a trial begins. */
export interface Known {
  /** Points of finished trials, the best first. */
  readonly ranked: readonly Point[];
  /** Points of trials that failed, or that are under way: nobody should go there now. */
  readonly shunned: readonly Point[];
  /** Number of the trial, from 0. */
  readonly trial: number;
}

/** Proposes points, the most wanted first: the first that was not tried yet is taken. */
export type Sampler = (space: Space, known: Known, random: Random) => readonly Point[];
