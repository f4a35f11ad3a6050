/**
 * The contract of a neuron: a pure step and its derivative, written once, to be read against the paper's
 * equation. State is born with the batch inside the op and dies with it; nobody resets anything.
 *
 * Forward steps round every operation to f32 in the order in which the equation is written, so that an
 * engine that does the same fires on the same steps.
 */
import type { Surrogate } from './surrogate.ts';

/** `subtract`: soft reset by the threshold. `zero`: hard reset. `none`: the membrane is left alone. */
export const RESETS = ['subtract', 'zero', 'none'] as const;
export type Reset = (typeof RESETS)[number];

export interface NeuronOptions {
  readonly reset: Reset;
  /** Reset one step after the spike (snnTorch's default) rather than at once. */
  readonly resetDelay: boolean;
  readonly surrogate: Surrogate;
}

export interface Step {
  /** What is compared with the threshold. */
  readonly membrane: number;
  readonly spike: 0 | 1;
  /** State that the next step starts from. */
  readonly carried: number;
}

export interface StepGradient {
  readonly input: number;
  /** With respect to the state that the step started from. */
  readonly carried: number;
  /** In the order of `parameters`. */
  readonly parameters: readonly number[];
}

export interface NeuronModel {
  /** Names of the parameters, each a scalar or one value a channel. */
  readonly parameters: readonly string[];
  step(parameters: readonly number[], carried: number, input: number, options: NeuronOptions): Step;
  /**
   * @param carried the state that the step started from
   * @param step what `step` gave
   * @param upstream gradients with respect to the step's spike, membrane and carried state
   */
  back(
    parameters: readonly number[],
    carried: number,
    step: Step,
    upstream: Upstream,
    options: NeuronOptions,
  ): StepGradient;
}

export interface Upstream {
  readonly spike: number;
  readonly membrane: number;
  readonly carried: number;
}
