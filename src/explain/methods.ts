/** The methods by name. */
import { gradCam } from './grad-cam.ts';
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
