/**
 * Parameter updates. They change their inputs in place, and stand at the end of a training step, behind
 * the check that loss and gradients are finite.
 */
import type { OpDef } from '../graph/op.ts';
import { dataOf } from './shapes.ts';

export interface SgdAttrs {
  readonly momentum: number;
  readonly nesterov: boolean;
  /** L2 penalty added to the gradient. */
  readonly weightDecay: number;
}

export interface AdamAttrs {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /** eps is added to √v as it is (Keras) instead of to √v̂ (PyTorch), so that it counts for more in the first steps. */
  readonly rawEps: boolean;
  readonly weightDecay: number;
  /** AdamW: the decay acts on the weight, not on the gradient. */
  readonly decoupled: boolean;
}

/** (parameter, g, velocity | null, lr []): v ← μ·v + g; p ← p − lr·v, or p − lr·(g + μ·v) for Nesterov. */
export const sgdOp: OpDef<SgdAttrs> = {
  name: 'sgd',
  mutates: () => [0, 2],
  infer: () => [],
  reference({ inputs: [parameter, g, velocity, lr], attrs: { momentum, nesterov, weightDecay } }) {
    const p = dataOf(parameter);
    const rate = dataOf(lr)[0];
    for (let i = 0; i < p.length; i++) {
      const d = dataOf(g)[i] + weightDecay * p[i];
      if (!velocity) {
        p[i] -= rate * d;
        continue;
      }
      velocity.data[i] = momentum * velocity.data[i] + d;
      p[i] -= rate * (nesterov ? d + momentum * velocity.data[i] : velocity.data[i]);
    }
  },
};

/**
 * (parameter, g, m, v, lr [], step [] counting from 1). Kingma and Ba 2015, algorithm 1 (with `rawEps` the form at the end
 * of its section 2); AdamW: Loshchilov and Hutter 2019.
 */
export const adamOp: OpDef<AdamAttrs> = {
  name: 'adam',
  mutates: () => [0, 2, 3],
  infer: () => [],
  reference({ inputs: [parameter, g, m, v, lr, step], attrs }) {
    const { beta1, beta2, weightDecay, decoupled } = attrs;
    const p = dataOf(parameter);
    const first = dataOf(m);
    const second = dataOf(v);
    const rate = dataOf(lr)[0];
    const correction1 = 1 - beta1 ** dataOf(step)[0];
    const correction2 = 1 - beta2 ** dataOf(step)[0];
    const eps = attrs.eps / (attrs.rawEps ? Math.sqrt(correction2) : 1);
    for (let i = 0; i < p.length; i++) {
      const d = dataOf(g)[i] + (decoupled ? 0 : weightDecay * p[i]);
      first[i] = beta1 * first[i] + (1 - beta1) * d;
      second[i] = beta2 * second[i] + (1 - beta2) * d * d;
      if (decoupled) p[i] -= rate * weightDecay * p[i];
      p[i] -= (rate * (first[i] / correction1)) / (Math.sqrt(second[i] / correction2) + eps);
    }
  },
};
