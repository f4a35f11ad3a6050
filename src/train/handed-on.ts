/** What a pre-training hands on to the network that is trained after it: everything that both have under one name. */
import type { Session } from '../engine/engine.ts';
import { SomaError } from '../errors.ts';
import type { Variable } from '../graph/value.ts';
import type { PretrainingSettings } from '../models/settings.ts';
import { loadCheckpoint } from './checkpoint.ts';
import { reconstructionStep } from './reconstruction-step.ts';
import { PRETRAINING, type RunFolder } from './run-folder.ts';
import type { NetworkSpec } from './step.ts';
import type { WeightsTarget } from './weights.ts';

/** Of the variables of a system's network those that its pre-training learns. Throws where there are none. */
export function handedOn(spec: NetworkSpec, network: readonly Variable[]): readonly Variable[] {
  const learnt = new Set(reconstructionStep(spec, 1).net.variables.map(({ name }) => name));
  const shared = network.filter(({ name }) => learnt.has(name));
  if (shared.length > 0) return shared;
  const names = [...learnt].slice(0, 3).join(', ');
  throw new SomaError(
    `pre-training of ${spec.system.name}: expected layers that both networks have, got none of ${names}, …; name them alike`,
  );
}

/** Reads what the pre-training of a run has learnt into a session that has loaded the network. */
export async function handOn(
  run: RunFolder,
  spec: NetworkSpec,
  { evaluate }: PretrainingSettings,
  session: Session,
  network: readonly Variable[],
): Promise<void> {
  const variables = handedOn(spec, network);
  await loadCheckpoint(run.file(PRETRAINING[evaluate]), { session, variables, system: spec.system.name });
}

/**
 * What a file of weights must have for a system: all of the network but its last layer, or, where there is a
 * pre-training that the file stands for, what this would have learnt.
 */
export function weightsTarget(spec: NetworkSpec, variables: readonly Variable[]): WeightsTarget {
  const { aliases, pretraining } = spec.system;
  if (!pretraining) return { variables, aliases };
  return { variables, aliases, required: new Set(handedOn(spec, variables).map(({ name }) => name)) };
}
