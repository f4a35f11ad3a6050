/** Every sampler by its name on the command line. */
import { gridSampler } from './grid.ts';
import { randomSampler } from './random.ts';
import type { Sampler } from './sampler.ts';
import { tpe } from './tpe.ts';

export const SAMPLERS = {
  tpe,
  random: randomSampler,
  grid: gridSampler,
} as const satisfies Record<string, Sampler>;

export const SAMPLER_NAMES = ['tpe', 'random', 'grid'] as const satisfies readonly (keyof typeof SAMPLERS)[];
export type SamplerName = keyof typeof SAMPLERS;
