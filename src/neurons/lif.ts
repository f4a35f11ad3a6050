/**
 * Leaky integrate-and-fire neuron, as snnTorch's `Leaky` and paper (a), equation 1, have it.
 *
 *   U[t] = β·V[t−1] + I[t]            S[t] = 1 if U[t] > θ
 *
 * with V the state that is carried on. With the reset one step late (`resetDelay`) V = U, and the reset of
 * the spike before is part of the next step, R = [V[t−1] > θ]:
 *   subtract  U[t] = β·V[t−1] + I[t] − R·θ      zero  U[t] = (β·V[t−1] + I[t])·(1 − R)
 * Without delay V is reset at once: V = U − S·θ, or V = U·(1 − S).
 *
 * β is clipped to [0, 1] where it is used; R and S are constants to the gradient inside the reset.
 */
import type { NeuronModel } from './neuron.ts';
import { surrogateDerivative } from './surrogate.ts';

const f = Math.fround;

export const lif: NeuronModel = {
  parameters: ['beta', 'threshold'],

  step([rawBeta, threshold], carried, input, { reset, resetDelay }) {
    const beta = clip(rawBeta);
    let membrane = f(f(beta * carried) + input);
    if (resetDelay && carried > threshold) {
      if (reset === 'subtract') membrane = f(membrane - threshold);
      if (reset === 'zero') membrane = 0;
    }
    const spike = membrane > threshold ? 1 : 0;
    if (resetDelay || !spike || reset === 'none') return { membrane, spike, carried: membrane };
    return { membrane, spike, carried: reset === 'zero' ? 0 : f(membrane - threshold) };
  },

  back([rawBeta, threshold], carried, { membrane, spike }, upstream, { reset, resetDelay, surrogate }) {
    const beta = clip(rawBeta);
    const late = resetDelay && carried > threshold;
    const early = !resetDelay && spike === 1;
    const throughSpike = upstream.spike * surrogateDerivative(surrogate, membrane - threshold);
    const kept = early && reset === 'zero' ? 0 : upstream.carried;
    const g = throughSpike + upstream.membrane + kept;
    const current = late && reset === 'zero' ? 0 : g;
    let dThreshold = -throughSpike;
    if (reset === 'subtract' && late) dThreshold -= g;
    if (reset === 'subtract' && early) dThreshold -= upstream.carried;
    const inside = rawBeta >= 0 && rawBeta <= 1;
    return {
      input: current,
      carried: beta * current,
      parameters: [inside ? carried * current : 0, dThreshold],
    };
  },
};

function clip(beta: number): number {
  return Math.min(1, Math.max(0, beta));
}
