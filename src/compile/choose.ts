/** placeholder */
import { convStep, isDepthwise, isPlain3x3 } from './conv-step.ts';
import type { Step } from './plan.ts';

export type ConvAlgorithm = 'winograd' | 'direct' | 'depthwise';

export interface ConvChoice {
  readonly algorithm: ConvAlgorithm;
  readonly events: boolean;
}

export function chooseConv(step: Pick<Step, 'root' | 'nodes'>, prefer?: ConvAlgorithm): ConvChoice | null {
  const conv = convStep(step);
  if (!conv) return null;
  const { geometry, pass, spikes } = conv;
  const plain = isPlain3x3(geometry);
  const events = plain && (spikes || pass === 'gradInput');
  if (isDepthwise(geometry)) return { algorithm: 'depthwise', events: false };
  if (plain && !spikes && prefer !== 'direct')
    return { algorithm: 'winograd', events: events && prefer !== 'winograd' };
  return { algorithm: 'direct', events };
}
