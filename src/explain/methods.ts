/** The methods by name. */

import { observationStep } from '../train/observation.ts';
import type { NetworkSpec } from '../train/step.ts';
import { gradCam } from './grad-cam.ts';
import { hasSpikeMaps } from './layer.ts';
import type { ExplainMethod } from './method.ts';
import { occlusion } from './occlusion.ts';
import { spikeActivationMap } from './spike-activation.ts';
import { spikeCount } from './spike-count.ts';

export const METHODS = {
  'grad-cam': gradCam,
  'spike-count': spikeCount,
  'spike-activation': spikeActivationMap,
  occlusion,
} as const satisfies Record<string, ExplainMethod>;

export type MethodName = keyof typeof METHODS;
export const METHOD_NAMES = Object.keys(METHODS) as readonly MethodName[];

/** Those that a network can be explained by. */
export function methodsFor(spec: NetworkSpec): MethodName[] {
  let spiking = false;
  observationStep(spec, 1, (observed) => {
    spiking = hasSpikeMaps(observed);
    return {};
  });
  return METHOD_NAMES.filter((name) => spiking || !METHODS[name].ofSpikes);
}
