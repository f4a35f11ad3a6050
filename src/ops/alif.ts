/**
 * Adaptive leaky integrate-and-fire neurons whose adaptation a batch shares. Paper (b), equations 9–14:
 *
 *   U[t] = τ·V[t−1] + I[t],  S[t] = U[t] > Θ[t],  V[t] = U[t]·(1 − S[t])
 *   a ← a + (1/τₐ)·(δ·mean over the batch of S[t] − a)
 *   Θ[t+1] = Θ₀ + a (`base`), or Θ[t] + a as printed, which can only rise (`cumulative`)
 *
 * a belongs to a place of the map, goes on from batch to batch, and begins each pass over the data at 0; V and a
 * cumulative Θ begin anew in each batch. Backwards through time, with the spike in the reset and Θ detached.
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef, Tensor } from '../graph/op.ts';
import type { Value } from '../graph/value.ts';
import { f32, size } from '../graph/value.ts';
import { type Surrogate, surrogateDerivative } from '../neurons/surrogate.ts';
import { expectInput, expectShape } from './shapes.ts';

export const THRESHOLD_RULES = ['base', 'cumulative'] as const;
export type ThresholdRule = (typeof THRESHOLD_RULES)[number];

export interface AlifAttrs {
  /** τ: share of the membrane that is left after a step. */
  readonly tau: number;
  /** Θ₀. */
  readonly threshold: number;
  /** τₐ, in steps. */
  readonly adaptTau: number;
  /** δ: what a is drawn to where all fire. */
  readonly adaptStep: number;
  readonly rule: ThresholdRule;
  /** Whether a goes on changing; off, it stays what it is. */
  readonly adapts: boolean;
  readonly surrogate: Surrogate;
}

const round = Math.fround;

/** (current [N, C, H, W] with time, a [C, H, W], updated in place) → (spikes, Θ [1, C, H, W] of each step). */
export const alifOp: OpDef<AlifAttrs> = {
  name: 'alif',
  infer(inputs) {
    const current = expectInput('alif', inputs, 0, 'current', { rank: 4, dtypes: ['f32'] });
    const adaptation = expectInput('alif', inputs, 1, 'adaptation', { rank: 3 });
    expectShape('alif', adaptation, 'adaptation', current.shape.slice(1));
    if (current.time === null) throw mismatch('alif()', 'a current with time', 'one without');
    return [{ ...current, dtype: 'spike' }, f32([1, ...current.shape.slice(1)], current.time)];
  },
  gradient: ({ inputs: [current], outputs: [, thresholds], grads: [g], attrs }) => [
    current && g ? apply(alifGrad, [current, thresholds, g], attrs)[0] : null,
    null,
  ],
  couplesRows: () => true,
  mutates: ({ adapts }) => (adapts ? [1] : []),
  reference({ inputs: [current, adaptation], outputs: [spikes, thresholds], attrs }) {
    if (!current || !adaptation) return;
    const { steps, images, places } = sizes(current);
    const rate = round(1 / attrs.adaptTau);
    const membrane = new Float64Array(images * places);
    for (let p = 0; p < places; p++) {
      let a = adaptation.data[p];
      const base = round(attrs.threshold);
      let threshold = round(base + (attrs.rule === 'base' ? a : 0));
      for (let t = 0; t < steps; t++) {
        let fired = 0;
        for (let n = 0; n < images; n++) {
          const at = n * places + p;
          const U = integrate(attrs.tau, membrane[at], current.data[t * images * places + at]);
          const spike = U > threshold ? 1 : 0;
          fired += spike;
          membrane[at] = spike ? 0 : U;
          if (spikes) spikes.data[t * images * places + at] = spike;
        }
        if (thresholds) thresholds.data[t * places + p] = threshold;
        const drawn = round(round(round(attrs.adaptStep) * round(fired / images)) - a);
        if (attrs.adapts) a = round(a + round(rate * drawn));
        threshold = round((attrs.rule === 'base' ? base : threshold) + a);
      }
      if (attrs.adapts) adaptation.data[p] = a;
    }
  },
};

/** (current, Θ of each step, gradient of the spikes) → gradient of the current. */
export const alifGrad: OpDef<AlifAttrs> = {
  name: 'alifGrad',
  infer: (inputs) => [{ ...expectInput('alifGrad', inputs, 0, 'current') }],
  reference({ inputs: [current, thresholds, g], outputs: [dx], attrs }) {
    if (!current || !thresholds || !g || !dx) return;
    const { steps, images, places } = sizes(current);
    const membranes = new Float64Array(steps);
    for (let at = 0; at < images * places; at++) {
      const thresholdAt = (t: number) => thresholds.data[t * places + (at % places)];
      let V = 0;
      for (let t = 0; t < steps; t++) {
        membranes[t] = integrate(attrs.tau, V, current.data[t * images * places + at]);
        V = membranes[t] > thresholdAt(t) ? 0 : membranes[t];
      }
      let carried = 0;
      for (let t = steps - 1; t >= 0; t--) {
        const above = membranes[t] - thresholdAt(t);
        const kept = above > 0 ? 0 : carried;
        const total = g.data[t * images * places + at] * surrogateDerivative(attrs.surrogate, above) + kept;
        dx.data[t * images * places + at] = total;
        carried = attrs.tau * total;
      }
    }
  },
};

/** U[t], each operation rounded, so that an engine that does the same fires on the same steps. */
function integrate(tau: number, before: number, current: number): number {
  return round(round(round(tau) * before) + current);
}

function sizes({ type }: Tensor): { steps: number; images: number; places: number } {
  return { steps: type.time ?? 1, images: type.shape[0], places: size(type.shape.slice(1)) };
}

/** Spikes of adaptive neurons. `adaptation` is a state of shape [C, H, W]. */
export function alif(current: Value, adaptation: Value, attrs: AlifAttrs): Value {
  return apply(alifOp, [current, adaptation], attrs)[0];
}
