/** The runs of a study, one for each arm and seed: trainings, and evaluations of what they left. */
import { createHash } from 'node:crypto';
import { EXIT, SomaError } from '../errors.ts';
import { findSystem, systemFile } from '../models/registry.ts';
import type { Arm, Study, StudyData } from './study.ts';

export interface StudyRun {
  /** Name of its folder, e.g. `se-cnn-seed1`. */
  readonly id: string;
  /** Fingerprint of everything that decides what is trained, the data apart. */
  readonly key: string;
  readonly arm: Arm;
  readonly seed: number;
  readonly data: StudyData;
  /** Name of the run whose weights are evaluated; null where it is trained. */
  readonly evaluates: string | null;
  /** Options and settings, the number of epochs included. */
  readonly set: Readonly<Record<string, unknown>>;
}

export interface ExpandOptions {
  /** Instead of the study's; arms with seeds of their own keep them. */
  readonly seeds?: readonly number[];
  /** Names of the arms that are wanted; what these evaluate comes with them. All, where it is absent. */
  readonly arms?: readonly string[];
  /** One epoch, the first seed only. */
  readonly quick?: boolean;
}

/** Steps of an arm that is measured by steps, in a quick study. */
const QUICK_STEPS = 3;

/**
 * All runs, seed by seed, so that a study that is stopped half-way has every arm at least once; what is evaluated comes
 * after what is trained.
 * @throws SomaError where an arm is wanted that the study lacks
 */
export function expand(study: Study, { seeds, arms, quick = false }: ExpandOptions = {}): StudyRun[] {
  const all = wanted(study, arms).flatMap((arm) => {
    const usual = arm.seeds ?? study.seeds;
    const few = quick ? usual.slice(0, 1) : usual;
    return (arm.seeds ? few : (seeds ?? few)).map((seed, order) => ({
      order: 2 * order + Number(arm.evaluates !== undefined),
      run: toRun(study, arm, seed, quick),
    }));
  });
  return all.sort((a, b) => a.order - b.order).map(({ run }) => run);
}

function wanted({ name, arms }: Study, names: readonly string[] | undefined): readonly Arm[] {
  if (!names) return arms;
  const unknown = names.filter((each) => !arms.some((arm) => arm.name === each));
  if (unknown.length > 0)
    throw new SomaError(
      `study ${name}: expected arms among ${arms.map((arm) => arm.name).join(', ')}, got ${unknown.join(', ')}`,
      EXIT.usage,
    );
  const evaluated = arms.filter((arm) => names.includes(arm.name)).map(({ evaluates }) => evaluates);
  return arms.filter((arm) => names.includes(arm.name) || evaluated.includes(arm.name));
}

function toRun(study: Study, arm: Arm, seed: number, quick: boolean): StudyRun {
  const trainedArm = study.arms.find(({ name }) => name === arm.evaluates);
  const trained = trainedArm && toRun(study, trainedArm, seed, quick);
  const set = trained ? arm.set : { ...arm.set, ...limits(arm, quick) };
  const { system, data, size = null, weights } = arm;
  const { channels, split, labels } = study.data[data];
  const module = systemFile(findSystem(system).name)?.fingerprint;
  const beside = { channels, split, labels, evaluates: trained?.key, module, weights };
  const key = createHash('sha256')
    .update(JSON.stringify({ system, data, size, set, seed, ...beside }))
    .digest('hex')
    .slice(0, 16);
  return {
    id: `${arm.name}-seed${seed}`,
    ...{ key, arm, seed, set, data: study.data[data] },
    evaluates: trained?.id ?? null,
  };
}

/** Settings that end a training early. */
function limits({ system, set, oneEpoch, steps }: Arm, quick: boolean): Record<string, number> {
  const { pretraining } = findSystem(system).training;
  const short = { 'pretraining.epochs': 1 };
  return {
    ...(quick || oneEpoch ? { epochs: 1 } : {}),
    ...((quick || oneEpoch || steps) && pretraining !== null && set.pretraining !== null ? short : {}),
    ...(steps ? { maxSteps: quick ? Math.min(steps, QUICK_STEPS) : steps } : {}),
  };
}
