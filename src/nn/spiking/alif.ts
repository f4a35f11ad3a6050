/**
 * A layer of adaptive leaky integrate-and-fire neurons, whose adaptation the images of a batch share. The equations are in
 * `ops/alif.ts`.
 */
import { mismatch } from '../../errors.ts';
import type { Value } from '../../graph/value.ts';
import { arctan, checkSurrogate, type Surrogate } from '../../neurons/surrogate.ts';
import { alif as adaptiveNeurons, THRESHOLD_RULES, type ThresholdRule } from '../../ops/alif.ts';
import { relu, toFloat } from '../../ops/elementwise.ts';
import { broadcastTo } from '../../ops/reduce.ts';
import { constant } from '../init.ts';
import type { Net } from '../net.ts';

const EVALUATIONS = ['running', 'frozen'] as const;

export interface AlifConstants {
  /** τ: share of the membrane that is left after a step, in [0, 1]. */
  readonly tau: number;
  /** Θ₀, above 0. */
  readonly threshold: number;
  readonly surrogate: Surrogate;
  /** τₐ, in steps, above 0: how slowly the adaptation follows. */
  readonly adaptTau: number;
  /** δ: what the adaptation is drawn to where all images fire. */
  readonly adaptStep: number;
  readonly rule: ThresholdRule;
  /** Evaluation starts from no adaptation and goes on adapting (`running`), or keeps the last of training (`frozen`). */
  readonly evaluation: (typeof EVALUATIONS)[number];
}

/**
 * Paper (b) gives the forms, its surrogate with a factor of 1/π, and no constants: these let suppression rise over the steps as
 * its figure 6a does.
 */
export const ALIF: AlifConstants = {
  tau: 0.5,
  threshold: 1,
  surrogate: arctan(2, 1 / Math.PI),
  adaptTau: 10,
  adaptStep: 1,
  rule: 'base',
  evaluation: 'running',
};

export interface AlifOptions extends Partial<AlifConstants> {
  /** Number of time steps T. */
  readonly steps: number;
}

/**
 * Current [N, C, H, W], with time or presented at every step, to spikes [T][N, C, H, W]; what is not given is as in `ALIF`. Throws
 * where a constant is out of its range. In a dense twin there are no neurons: the result is the current where it is positive.
 */
export function alif(net: Net, name: string, current: Value, options: AlifOptions): Value {
  return net.layer(name, () => {
    const { steps, evaluation, ...constants } = { ...ALIF, ...options };
    checkConstants(name, { ...constants, evaluation });
    if (!(Number.isInteger(steps) && steps >= 1))
      throw mismatch(`alif(${name})`, 'one or more time steps', steps);
    if (current.time !== null && current.time !== steps)
      throw mismatch(`alif(${name})`, `a current of ${steps} steps or without time`, `T=${current.time}`);
    if (net.twin) return relu(toFloat(current));
    const frozen = !net.training && evaluation === 'frozen';
    const adaptation = net.state('adaptation', current.shape.slice(1), constant(0), { perPass: !frozen });
    const timed = current.time === null ? broadcastTo(current, current.shape, steps) : toFloat(current);
    const { tau, threshold, adaptTau, adaptStep, rule, surrogate } = constants;
    const attrs = { tau, threshold, adaptTau, adaptStep, rule, adapts: !frozen, surrogate };
    const spikes = adaptiveNeurons(timed, adaptation, attrs);
    net.watchSpikes(spikes);
    return spikes;
  });
}

function checkConstants(name: string, o: AlifConstants): void {
  const refuse = (expected: string, got: unknown) => mismatch(`alif(${name})`, expected, got);
  if (!(o.tau >= 0 && o.tau <= 1)) throw refuse('tau in [0, 1]', o.tau);
  if (!(o.threshold > 0 && Number.isFinite(o.threshold))) throw refuse('a threshold above 0', o.threshold);
  if (!(o.adaptTau > 0)) throw refuse('adaptTau above 0', o.adaptTau);
  if (!Number.isFinite(o.adaptStep)) throw refuse('a finite adaptStep', o.adaptStep);
  if (!THRESHOLD_RULES.includes(o.rule)) throw refuse(`rule ${THRESHOLD_RULES.join(' or ')}`, o.rule);
  if (!EVALUATIONS.includes(o.evaluation))
    throw refuse(`evaluation ${EVALUATIONS.join(' or ')}`, o.evaluation);
  checkSurrogate(`alif(${name})`, o.surrogate);
}
