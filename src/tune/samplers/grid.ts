/** Every point of a space once, in order, the last parameter fastest: the tables of papers are such grids. */
import { EXIT, SomaError } from '../../errors.ts';
import { allPoints, finiteValues, type Space } from '../space.ts';
import type { Sampler } from './sampler.ts';

export const LARGEST_GRID = 10_000;

export const gridSampler: Sampler = (space, { trial }) => {
  const points = allPoints(space, LARGEST_GRID);
  return points ? [points[trial]] : [];
};

/** Throws a usage error where a space has no grid. */
export function checkGrid(space: Space): void {
  const endless = Object.entries(space.parameters).find(([, parameter]) => !finiteValues(parameter));
  const got = endless ? `a continuum of ${endless[0]}` : `more than ${LARGEST_GRID} points`;
  if (!allPoints(space, LARGEST_GRID))
    throw new SomaError(`grid: expected lists of values or steps, got ${got}; sample it`, EXIT.usage);
}
