/**
 * Attention blocks for spiking networks by name, as drop-in layers: those of `table.ts`, and the masks of paper (b).
 *
 * They belong where values are real: on the current that goes into a layer of neurons, or that a shortcut carries, as
 * Yao et al. 2023 (Attention Spiking Neural Networks) weigh what charges the membrane, before it is compared with the
 * threshold. What leaves the neurons stays binary, so that the convolution behind them goes by events. On spikes they
 * work too: channels are then weighed by their rates in a step, and what goes on is no longer binary.
 *
 * With a time axis each step is weighed by what it shows itself, through parameters that the steps share. A current that
 * is presented at every step is weighed once.
 */
import type { Value } from '../../graph/value.ts';
import type { Net } from '../net.ts';
import type { AlifConstants } from '../spiking/alif.ts';
import { spikeAttention } from './spike-attention.ts';
import { ATTENTION, ATTENTION_NAMES, type AttentionName, type AttentionOptions } from './table.ts';

export interface SpikingAttentionOptions extends AttentionOptions {
  /** Number of time steps T of the neurons in a mask. */
  readonly steps: number;
  /** Masks without neurons, as in a dense twin: maps are weighed by how salient they are. */
  readonly dense?: boolean;
  /** Of the masks; default: as paper (b) has them. */
  readonly mask?: Partial<AlifConstants>;
}

type SpikingAttentionBlock = (net: Net, name: string, x: Value, options: SpikingAttentionOptions) => Value;

const mask =
  (neuron: 'alif' | 'lif'): SpikingAttentionBlock =>
  (net, name, x, { steps, reduction, dense, mask: given }) =>
    spikeAttention(net, name, x, { ...given, steps, reduction, neuron, dense });

const masks = {
  /** Adaptive neurons suppress what is least salient: BIASNN. */
  'alif-mask': mask('alif'),
  /** Plain neurons do: LASNN. */
  'lif-mask': mask('lif'),
} satisfies Record<string, SpikingAttentionBlock>;

export type SpikingAttentionName = AttentionName | keyof typeof masks;

/** [N, C, H, W], with time or without → the same; behind a mask always with T steps. */
export const SPIKING_ATTENTION: Readonly<Record<SpikingAttentionName, SpikingAttentionBlock>> = {
  ...ATTENTION,
  ...masks,
};

export const SPIKING_ATTENTION_NAMES = [
  ...ATTENTION_NAMES,
  ...(Object.keys(masks) as (keyof typeof masks)[]),
] as [SpikingAttentionName, ...SpikingAttentionName[]];
