/**
 * A layer of leaky integrate-and-fire neurons. What it does is in `neurons/lif.ts`; here are its
 * parameters. β has no good default and must be given.
 */

import { mismatch } from '../../errors.ts';
import type { Value } from '../../graph/value.ts';
import { RESETS, type Reset } from '../../neurons/neuron.ts';
import { checkSurrogate, fastSigmoid, type Surrogate } from '../../neurons/surrogate.ts';
import { relu } from '../../ops/elementwise.ts';
import { neurons } from '../../ops/neuron.ts';
import { constant } from '../init.ts';
import type { Net } from '../net.ts';

export interface LifOptions {
  /** Number of time steps T. */
  readonly steps: number;
  /** Share of the membrane that is left after a step, in [0, 1]. */
  readonly beta: number;
  /** θ, above 0; default: 1. */
  readonly threshold?: number;
  /** `subtract` θ (soft, the default), to `zero` (hard), or `none`. */
  readonly reset?: Reset;
  /** Reset one step after the spike, as snnTorch does, the default; at once if false. */
  readonly resetDelay?: boolean;
  /** Default: `fastSigmoid(25)`. */
  readonly surrogate?: Surrogate;
  readonly learnBeta?: boolean;
  readonly learnThreshold?: boolean;
  /** One β and one θ for each channel instead of one for the layer. */
  readonly perChannel?: boolean;
}

export interface SpikingOutput {
  /** Binary, [T] times the current's shape; in a dense twin neither. */
  readonly spikes: Value;
  /** U[t], what was compared with the threshold. */
  readonly membrane: Value;
}

/**
 * Current [N, C] or [N, C, H, W], with time or presented at every step, to spikes. Throws on β outside [0, 1] or θ ≤ 0. In a dense twin
 * there are no neurons: both results are the current where it is positive.
 */
export function lif(net: Net, name: string, current: Value, options: LifOptions): SpikingOutput {
  return net.layer(name, () => {
    const { steps, beta, threshold = 1, reset = 'subtract', resetDelay = true } = options;
    if (!(beta >= 0 && beta <= 1)) throw mismatch(`lif(${name})`, 'beta in [0, 1]', beta);
    if (!(threshold > 0 && Number.isFinite(threshold)))
      throw mismatch(`lif(${name})`, 'a threshold above 0', threshold);
    if (!RESETS.includes(reset)) throw mismatch(`lif(${name})`, `reset ${RESETS.join(' or ')}`, reset);
    const surrogate = options.surrogate ?? fastSigmoid(25);
    checkSurrogate(`lif(${name})`, surrogate);
    if (net.twin) {
      const rectified = relu(current);
      return { spikes: rectified, membrane: rectified };
    }
    const shape = options.perChannel ? [current.shape[1]] : [];
    const make = (what: string, value: number, learn = false) =>
      learn
        ? net.parameter(what, shape, constant(value))
        : net.state(what, shape, constant(value), { fixed: true });
    const parameters = [
      make('beta', beta, options.learnBeta),
      make('threshold', threshold, options.learnThreshold),
    ];
    const out = neurons(current, parameters, { model: 'lif', steps, reset, resetDelay, surrogate });
    net.watchSpikes(out.spikes);
    return out;
  });
}
