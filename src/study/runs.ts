/** The trainings of a study: one for each arm and seed. */
import { createHash } from 'node:crypto';
import { findSystem } from '../models/registry.ts';
import type { Arm, Study } from './study.ts';

export interface StudyRun {
  /** Name of its folder, e.g. `se-cnn-seed1`. */
  readonly id: string;
  /** Fingerprint of everything that decides what is trained, the data apart. */
  readonly key: string;
  readonly arm: Arm;
  readonly seed: number;
  /** Options and settings, the number of epochs included. */
  readonly set: Readonly<Record<string, unknown>>;
}

export interface ExpandOptions {
  /** Instead of the study's; arms with seeds of their own keep them. */
  readonly seeds?: readonly number[];
  /** One epoch, the first seed only. */
  readonly quick?: boolean;
}

/** All runs, seed by seed, so that a study that is stopped half-way has every arm at least once. */
export function expand(study: Study, { seeds, quick = false }: ExpandOptions = {}): StudyRun[] {
  const all = study.arms.flatMap((arm) => {
    const own = arm.seeds ?? seeds ?? study.seeds;
    return (quick ? own.slice(0, 1) : own).map((seed, order) => ({ order, run: toRun(arm, seed, quick) }));
  });
  return all.sort((a, b) => a.order - b.order).map(({ run }) => run);
}

function toRun(arm: Arm, seed: number, quick: boolean): StudyRun {
  const { training } = findSystem(arm.system);
  const pretrains = training.pretraining !== null && arm.set.pretraining !== null;
  const one = { epochs: 1, ...(pretrains ? { 'pretraining.epochs': 1 } : {}) };
  const set = quick || arm.oneEpoch ? { ...arm.set, ...one } : arm.set;
  const { system, data, size = null } = arm;
  const key = createHash('sha256')
    .update(JSON.stringify({ system, data, size, set, seed }))
    .digest('hex')
    .slice(0, 16);
  return { id: `${arm.name}-seed${seed}`, key, arm, seed, set };
}
