/**
 * The spiking attention of paper (b): neurons that fire where a map is least salient suppress what is there.
 *
 *   [max; mean] over channels → depthwise 5×5, 1×1 → C/r → depthwise 7×7, 1×1 → C → min–max of each map, turned over
 *   → adaptive (BIASNN) or plain (LASNN) LIF → x where no neuron fires, else 0
 *
 * Equations 5–16 and algorithm 1. The paper prints "strides" 2 and 3, which can only be paddings, and the two separable
 * convolutions in an order that would end in C/r channels. In words it expands to C. No bias, nothing between them.
 */
import type { Value } from '../../graph/value.ts';
import { arctan, type Surrogate } from '../../neurons/surrogate.ts';
import { alif, type ThresholdRule } from '../../ops/alif.ts';
import { concat } from '../../ops/concat.ts';
import { mul, toFloat } from '../../ops/elementwise.ts';
import { minMax } from '../../ops/min-max.ts';
import { broadcastTo, reduceMax, reduceMean } from '../../ops/reduce.ts';
import { suppress } from '../../ops/suppress.ts';
import { constant } from '../init.ts';
import { conv } from '../layers.ts';
import type { Net } from '../net.ts';
import { lif } from '../spiking/lif.ts';

/** How the neurons of the mask behave. */
export interface MaskOptions {
  /** τ: share of the membrane that is left after a step. */
  readonly tau: number;
  readonly threshold: number;
  readonly surrogate: Surrogate;
  /** Of adaptive neurons: see ops/alif.ts. */
  readonly adaptTau: number;
  readonly adaptStep: number;
  readonly rule: ThresholdRule;
  /** Evaluation starts from no adaptation and goes on adapting (`running`), or keeps the last of training (`frozen`). */
  readonly evaluation: 'running' | 'frozen';
}

/**
 * Paper (b) gives the forms, its surrogate with a factor of 1/π, and no constants: these let suppression rise over the steps as
 * its figure 6a does.
 */
export const MASK: MaskOptions = {
  tau: 0.5,
  threshold: 1,
  surrogate: arctan(2, 1 / Math.PI),
  adaptTau: 10,
  adaptStep: 1,
  rule: 'base',
  evaluation: 'running',
};

export interface SpikeAttentionOptions extends Partial<MaskOptions> {
  /** Number of time steps T. */
  readonly steps: number;
  /** r: the convolutions meet at C/r channels. */
  readonly reduction: number;
  readonly neuron: 'alif' | 'lif';
}

/**
 * x [N, C, H, W], with time or presented at every step → the same with T steps. In a dense twin the maps are weighed by how
 * salient they are, without neurons between.
 */
export function spikeAttention(net: Net, name: string, x: Value, options: SpikeAttentionOptions): Value {
  const o = { ...MASK, ...options };
  return net.layer(name, () => {
    const maps = toFloat(x);
    const over = { axes: [1], keepDims: true };
    const squeezed = concat([reduceMax(maps, over), reduceMean(maps, over)], 1);
    const channels = x.shape[1];
    const hidden = Math.max(1, Math.floor(channels / o.reduction));
    let y = separable(net, 'first', squeezed, { filters: hidden, kernel: 5 });
    y = separable(net, 'second', y, { filters: channels, kernel: 7 });
    if (net.twin) return mul(maps, minMax(y));
    return suppress(maps, fire(net, minMax(y, { inverted: true }), o));
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
function fire(net: Net, current: Value, o: MaskOptions & SpikeAttentionOptions): Value {
  const { steps, tau, threshold, surrogate, adaptTau, adaptStep, rule } = o;
  if (o.neuron === 'lif')
    return lif(net, 'lif', current, {
      steps,
      beta: tau,
      threshold,
      reset: 'zero',
      resetDelay: false,
      surrogate,
    }).spikes;
  return net.layer('alif', () => {
    const frozen = !net.training && o.evaluation === 'frozen';
    const adaptation = net.state('adaptation', current.shape.slice(1), constant(0), { perPass: !frozen });
    const timed = current.time === null ? broadcastTo(current, current.shape, steps) : current;
    const spikes = alif(timed, adaptation, {
      tau,
      threshold,
      adaptTau,
      adaptStep,
      rule,
      adapts: !frozen,
      surrogate,
    });
    net.watchSpikes(spikes);
    return spikes;
  });
}
