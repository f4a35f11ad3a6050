/**
 * The spiking attention of paper (b): neurons that fire where a map is least salient suppress what is there.
 *
 *   [max; mean] over channels → depthwise 5×5, 1×1 → C/r → depthwise 7×7, 1×1 → C → min–max of each map, turned over
 *   → adaptive (BIASNN) or plain (LASNN) LIF → x where no neuron fires, else 0
 *
 * Equations 5–16 and algorithm 1. The paper prints "strides" 2 and 3, which can only be paddings, and the two separable
 * convolutions in an order that would end in C/r channels. In words it expands to C. No bias, nothing between them.
 */
import { mismatch } from '../../errors.ts';
import type { Value } from '../../graph/value.ts';
import { concat } from '../../ops/concat.ts';
import { mul, toFloat } from '../../ops/elementwise.ts';
import { minMax } from '../../ops/min-max.ts';
import { reduceMax, reduceMean } from '../../ops/reduce.ts';
import { suppress } from '../../ops/suppress.ts';
import { conv } from '../layers.ts';
import type { Net } from '../net.ts';
import { ALIF, type AlifOptions, alif } from '../spiking/alif.ts';
import { lif } from '../spiking/lif.ts';
import { hiddenUnits } from './reduction.ts';

const NEURONS = ['alif', 'lif'] as const;

export interface SpikeAttentionOptions extends AlifOptions {
  /** r: the convolutions meet at C/r channels, one at least. */
  readonly reduction: number;
  /** Plain neurons, `lif`, have τ, threshold and surrogate only. */
  readonly neuron: (typeof NEURONS)[number];
  /** Without neurons, as in a dense twin. */
  readonly dense?: boolean;
}

/**
 * x [N, C, H, W], with time or presented at every step → the same with T steps. In a dense twin the maps are weighed by how
 * salient they are, without neurons between. Adaptive neurons are computed for maps of more than 4 channels.
 */
export function spikeAttention(net: Net, name: string, x: Value, options: SpikeAttentionOptions): Value {
  return net.layer(name, () => {
    if (!NEURONS.includes(options.neuron))
      throw mismatch(`spikeAttention(${name})`, `neuron ${NEURONS.join(' or ')}`, options.neuron);
    const maps = toFloat(x);
    const over = { axes: [1], keepDims: true };
    const squeezed = concat([reduceMax(maps, over), reduceMean(maps, over)], 1);
    const channels = x.shape[1];
    const hidden = hiddenUnits(`spikeAttention(${name})`, channels, options.reduction);
    let y = separable(net, 'first', squeezed, { filters: hidden, kernel: 5 });
    y = separable(net, 'second', y, { filters: channels, kernel: 7 });
    if (net.twin || options.dense) return mul(maps, minMax(y));
    return suppress(maps, fire(net, minMax(y, { inverted: true }), options));
  });
}

function separable(
  net: Net,
  name: string,
  x: Value,
  { filters, kernel }: { filters: number; kernel: number },
): Value {
  return net.layer(name, () => {
    const channels = x.shape[1];
    const each = { filters: channels, kernel, groups: channels, padding: 'same', bias: false } as const;
    return conv(net, 'pointwise', conv(net, 'depthwise', x, each), { filters, kernel: 1, bias: false });
  });
}

/** Spikes of neurons on the turned-over maps. */
function fire(net: Net, current: Value, { neuron, ...options }: SpikeAttentionOptions): Value {
  if (neuron === 'alif') return alif(net, 'alif', current, options);
  const { tau: beta = ALIF.tau, threshold = ALIF.threshold, surrogate = ALIF.surrogate, steps } = options;
  return lif(net, 'lif', current, { steps, beta, threshold, reset: 'zero', resetDelay: false, surrogate })
    .spikes;
}
