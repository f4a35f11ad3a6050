/**
 * Batch normalisation over all axes but the channel axis 1; time counts as batch.
 *
 * Training: y = γ·(x − mean)/√(var + eps) + β with the batch's mean and biased variance; the running
 * statistics move by `momentum` (PyTorch's convention: the share of the new value; Keras's 0.99 is 0.01
 * here), with the unbiased variance (PyTorch) or the biased one (Keras). Otherwise the running statistics
 * are used. Source: Ioffe and Szegedy 2015, algorithms 1 and 2.
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef, Tensor } from '../graph/op.ts';
import type { TensorType } from '../graph/value.ts';
import { elements, size } from '../graph/value.ts';
import { dataOf, expectInput, expectShape } from './shapes.ts';

export interface BatchNormAttrs {
  readonly momentum: number;
  readonly eps: number;
  readonly unbiased: boolean;
  readonly training: boolean;
}

/** Channel of element i, and elements a channel. */
function channels(x: TensorType): { of: (i: number) => number; count: number; n: number } {
  const c = x.shape[1];
  const inner = size(x.shape.slice(2));
  return { of: (i) => Math.floor(i / inner) % c, count: elements(x) / c, n: c };
}

const flat = (n: number): TensorType => ({ dtype: 'f32', shape: [n], time: null, format: 'flat' });

/** (x, γ, β, running mean, running variance) → (y, mean used, 1/√(variance used + eps)). */
export const batchNormOp: OpDef<BatchNormAttrs> = {
  name: 'batchNorm',
  mutates: ({ training }) => (training ? [3, 4] : []),
  couplesRows: ({ training }) => training,
  infer(inputs) {
    const x = expectInput('batchNorm', inputs, 0, 'x');
    if (x.shape.length < 2) throw mismatch('batchNorm()', 'x of rank 2 or more', x.shape);
    for (const [i, what] of ['scale', 'shift', 'running mean', 'running variance'].entries())
      expectShape('batchNorm', inputs[i + 1], what, [x.shape[1]]);
    return [{ ...x }, flat(x.shape[1]), flat(x.shape[1])];
  },
  gradient({ inputs: [x, gamma], outputs: [, mean, invStd], grads: [g], attrs }) {
    if (!x || !gamma || !g) return [null, null, null, null, null];
    const [dx, dGamma, dBeta] = apply(batchNormGrad, [x, gamma, mean, invStd, g], attrs);
    return [dx, dGamma, dBeta, null, null];
  },
  reference({ inputs: [x, gamma, beta, runningMean, runningVar], outputs: [y, meanOut, invStdOut], attrs }) {
    if (!x || !gamma || !beta || !runningMean || !runningVar) return;
    const { of, count, n } = channels(x.type);
    const mean = new Float64Array(n);
    const variance = new Float64Array(n);
    if (attrs.training) {
      for (let i = 0; i < x.data.length; i++) mean[of(i)] += x.data[i] / count;
      for (let i = 0; i < x.data.length; i++) variance[of(i)] += (x.data[i] - mean[of(i)]) ** 2 / count;
      const correction = attrs.unbiased && count > 1 ? count / (count - 1) : 1;
      for (let c = 0; c < n; c++) {
        runningMean.data[c] += attrs.momentum * (mean[c] - runningMean.data[c]);
        runningVar.data[c] += attrs.momentum * (variance[c] * correction - runningVar.data[c]);
      }
    } else {
      mean.set(runningMean.data);
      variance.set(runningVar.data);
    }
    const invStd = variance.map((v) => 1 / Math.sqrt(v + attrs.eps));
    meanOut?.data.set(mean);
    invStdOut?.data.set(invStd);
    if (y) applyStatistics(x, { mean, invStd, gamma: gamma.data, beta: beta.data }, y);
  },
};

interface Statistics {
  readonly mean: ArrayLike<number>;
  readonly invStd: ArrayLike<number>;
  readonly gamma: ArrayLike<number>;
  readonly beta: ArrayLike<number>;
}

function applyStatistics(x: Tensor, { mean, invStd, gamma, beta }: Statistics, y: Tensor): void {
  const { of } = channels(x.type);
  for (let i = 0; i < x.data.length; i++) {
    const c = of(i);
    y.data[i] = (x.data[i] - mean[c]) * invStd[c] * gamma[c] + beta[c];
  }
}

/**
 * (x, mean, invStd, γ, β) → y, from what a normalisation used before: no op of its own, but how fused steps compute y again
 * instead of reading it.
 */
export const batchNormApply: OpDef = {
  name: 'batchNormApply',
  infer([x]) {
    if (!x) throw mismatch('batchNormApply()', 'x', 'nothing');
    return [{ ...x }];
  },
  reference({ inputs: [x, mean, invStd, gamma, beta], outputs: [y] }) {
    if (!x || !mean || !invStd || !gamma || !beta || !y) return;
    applyStatistics(x, { mean: mean.data, invStd: invStd.data, gamma: gamma.data, beta: beta.data }, y);
  },
};

/**
 * (x, mean, invStd, g) → gradients of γ and β: no op of its own, but how a fused step that computes g sums it up on the way,
 * so that batchNormGrad need not.
 */
export const batchNormSums: OpDef = {
  name: 'batchNormSums',
  infer([x]) {
    if (!x) throw mismatch('batchNormSums()', 'x', 'nothing');
    return [flat(x.shape[1]), flat(x.shape[1])];
  },
  reference({ inputs: [x, mean, invStd, g], outputs: [dGamma, dBeta] }) {
    if (!x || !mean || !invStd || !g) return;
    const { sum, product } = gradientSums(x, mean, invStd, g);
    dGamma?.data.set(product);
    dBeta?.data.set(sum);
  },
};

/** Σ g and Σ g·(x − mean)·invStd of each channel. */
function gradientSums(x: Tensor, mean: Tensor, invStd: Tensor, g: Tensor) {
  const { of, n } = channels(x.type);
  const sum = new Float64Array(n);
  const product = new Float64Array(n);
  for (let i = 0; i < x.data.length; i++) {
    const c = of(i);
    sum[c] += g.data[i];
    product[c] += g.data[i] * (x.data[i] - mean.data[c]) * invStd.data[c];
  }
  return { sum, product };
}

/** (x, γ, mean, invStd, g[, gradients of γ and β, where they are known]) → gradients of x, γ and β. */
export const batchNormGrad: OpDef<BatchNormAttrs> = {
  name: 'batchNormGrad',
  infer([x]) {
    if (!x) throw mismatch('batchNormGrad()', 'x', 'nothing');
    return [{ ...x }, flat(x.shape[1]), flat(x.shape[1])];
  },
  reference({ inputs: [x, gamma, mean, invStd, g, known, knownSum], outputs: [dx, dGamma, dBeta], attrs }) {
    if (!x || !gamma || !mean || !invStd || !g) return;
    const { of, count } = channels(x.type);
    const { sum, product } =
      known && knownSum ? { sum: knownSum.data, product: known.data } : gradientSums(x, mean, invStd, g);
    const normalised = (i: number) => (x.data[i] - mean.data[of(i)]) * invStd.data[of(i)];
    if (dGamma) dataOf(dGamma).set(product);
    if (dBeta) dataOf(dBeta).set(sum);
    if (!dx) return;
    for (let i = 0; i < x.data.length; i++) {
      const c = of(i);
      const centred = attrs.training ? g.data[i] - (sum[c] + normalised(i) * product[c]) / count : g.data[i];
      dx.data[i] = gamma.data[c] * invStd.data[c] * centred;
    }
  },
};
