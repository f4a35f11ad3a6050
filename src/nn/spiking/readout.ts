/** From output spikes to logits and to the loss on them. */
import { mismatch } from '../../errors.ts';
import type { Value } from '../../graph/value.ts';
import { type CrossEntropyOptions, crossEntropy } from '../../ops/cross-entropy.ts';
import { reduceMean, reduceSum } from '../../ops/reduce.ts';

export const READOUTS = ['count', 'mean'] as const;
export type Readout = (typeof READOUTS)[number];

/** Spikes [T][N, K] → logits [N, K]: their count in 0 … T, or their mean over time in 0 … 1. */
export function readOut(spikes: Value, readout: Readout): Value {
  if (!READOUTS.includes(readout)) throw mismatch('readOut()', READOUTS.join(' or '), readout);
  return readout === 'count' ? reduceSum(spikes, { time: true }) : reduceMean(spikes, { time: true });
}

/**
 * Cross-entropy with the spike counts as logits, as snnTorch's `ce_count_loss`: not a rate, and not a loss a
 * step. `spikes` [T][N, K], `labels` i32 [N].
 */
export function ceCountLoss(
  spikes: Value,
  labels: Value,
  options: CrossEntropyOptions = {},
): { loss: Value; probabilities: Value } {
  return crossEntropy(readOut(spikes, 'count'), labels, options);
}
