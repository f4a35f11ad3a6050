/**
 * Softmax and negative log-likelihood in one: logits [N, K], labels i32 [N], optional class weights [K]
 * → (loss [], probabilities [N, K]).
 *
 * `weighting` says by what a weighted loss is divided: `normalized` by the sum of the weights drawn
 * (PyTorch), `batch` by the number of images (Keras's class_weight). Without weights both are the mean.
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef, Tensor } from '../graph/op.ts';
import type { Value } from '../graph/value.ts';
import { f32 } from '../graph/value.ts';
import { expectInput, expectShape } from './shapes.ts';

export interface CrossEntropyAttrs {
  readonly weighting: 'normalized' | 'batch';
  /** Share of the target spread evenly over all classes, in [0, 1). */
  readonly labelSmoothing: number;
}

export const crossEntropyOp: OpDef<CrossEntropyAttrs> = {
  name: 'crossEntropy',
  infer(inputs, { labelSmoothing }) {
    const logits = expectInput('crossEntropy', inputs, 0, 'logits', { rank: 2 });
    expectInput('crossEntropy', inputs, 1, 'labels', { rank: 1, dtypes: ['i32'] });
    if (logits.time !== null)
      throw mismatch(
        'crossEntropy()',
        'logits without time',
        `T=${logits.time}`,
        'read the spikes out first',
      );
    expectShape('crossEntropy', inputs[1], 'labels', [logits.shape[0]]);
    if (inputs[2]) expectShape('crossEntropy', inputs[2], 'class weights', [logits.shape[1]]);
    if (!(labelSmoothing >= 0 && labelSmoothing < 1))
      throw mismatch('crossEntropy()', 'label smoothing in [0, 1)', labelSmoothing);
    return [f32([]), f32(logits.shape)];
  },
  gradient({ inputs: [, labels, weights], outputs: [, probabilities], grads: [g], attrs }) {
    return [g ? apply(crossEntropyGrad, [probabilities, labels, weights, g], attrs)[0] : null, null, null];
  },
  reference({ inputs: [logits, labels, weights], outputs: [loss, probabilities], attrs }) {
    if (!logits || !labels) return;
    const [n, k] = logits.type.shape;
    const total = totalWeight(labels, weights, attrs);
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const row = logits.data.subarray(i * k, (i + 1) * k);
      let highest = -Infinity;
      for (const x of row) highest = Math.max(highest, x);
      let z = 0;
      for (const x of row) z += Math.exp(x - highest);
      for (let c = 0; c < k; c++) {
        const logp = row[c] - highest - Math.log(z);
        if (probabilities) probabilities.data[i * k + c] = Math.exp(logp);
        sum -= (target(labels.data[i], c, k, attrs) * weightOf(weights, labels.data[i]) * logp) / total;
      }
    }
    if (loss) loss.data[0] = sum;
  },
};

/** (probabilities, labels, class weights | null, g []) → gradient of the logits. */
export const crossEntropyGrad: OpDef<CrossEntropyAttrs> = {
  name: 'crossEntropyGrad',
  infer: (inputs) => [f32(inputs[0]?.shape ?? [])],
  reference({ inputs: [probabilities, labels, weights, g], outputs: [dx], attrs }) {
    if (!probabilities || !labels || !g || !dx) return;
    const [n, k] = probabilities.type.shape;
    const total = totalWeight(labels, weights, attrs);
    for (let i = 0; i < n; i++)
      for (let c = 0; c < k; c++) {
        const error = probabilities.data[i * k + c] - target(labels.data[i], c, k, attrs);
        dx.data[i * k + c] = (g.data[0] * weightOf(weights, labels.data[i]) * error) / total;
      }
  },
};

function target(label: number, c: number, k: number, { labelSmoothing }: CrossEntropyAttrs): number {
  return (label === c ? 1 - labelSmoothing : 0) + labelSmoothing / k;
}

function weightOf(weights: Tensor | null, label: number): number {
  return weights ? weights.data[label] : 1;
}

function totalWeight(labels: Tensor, weights: Tensor | null, { weighting }: CrossEntropyAttrs): number {
  if (!weights || weighting === 'batch') return labels.data.length;
  let sum = 0;
  for (const label of labels.data) sum += weights.data[label];
  return sum;
}

export interface CrossEntropyOptions {
  readonly classWeights?: Value | null;
  readonly weighting?: CrossEntropyAttrs['weighting'];
  readonly labelSmoothing?: number;
}

/** Mean cross-entropy and the class probabilities. */
export function crossEntropy(
  logits: Value,
  labels: Value,
  { classWeights = null, weighting = 'normalized', labelSmoothing = 0 }: CrossEntropyOptions = {},
): { loss: Value; probabilities: Value } {
  const [loss, probabilities] = apply(crossEntropyOp, [logits, labels, classWeights], {
    weighting,
    labelSmoothing,
  });
  return { loss, probabilities };
}
