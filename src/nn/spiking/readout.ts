/** From output spikes to logits. */
import type { Value } from '../../graph/value.ts';
import { reduceMean, reduceSum } from '../../ops/reduce.ts';

export const READOUTS = ['count', 'mean'] as const;
export type Readout = (typeof READOUTS)[number];

/**
 * Spikes [T][N, K] → logits [N, K]: their count in 0 … T, which with cross-entropy is snnTorch's
 * `ce_count_loss`, or their mean over time.
 */
export function readOut(spikes: Value, readout: Readout): Value {
  return readout === 'count' ? reduceSum(spikes, { time: true }) : reduceMean(spikes, { time: true });
}
