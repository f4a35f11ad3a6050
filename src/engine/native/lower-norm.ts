/** Batch normalisation with what is fused around it, lowered to norm.cc and norm_grad.cc. */
import { undoneNorm } from '../../compile/fuse-norm.ts';
import { isBlocked, isMap } from '../../compile/layout.ts';
import { otherSummand } from '../../compile/match.ts';
import type { Value } from '../../graph/value.ts';
import { elements, size } from '../../graph/value.ts';
import type { BatchNormAttrs } from '../../ops/batch-norm.ts';
import type { Lower } from './kernel-call.ts';
import { flag, needed } from './kernel-call.ts';
import { attentionOperands, perMapStride } from './lower-attention.ts';

const LAYOUT = { blocked: 0, rows: 1, planes: 2 } as const;

/** [TN, C, H, W, layout, training, unbiased, relu, pool2]: NormShape of norm_shape.h. */
function normInts(x: Value, attrs: BatchNormAttrs, relu: boolean, pool: boolean): number[] {
  const inner = size(x.shape.slice(2));
  const [h, w] = isMap(x) ? x.shape.slice(2) : [inner, 1];
  const layout = isBlocked(x) ? LAYOUT.blocked : inner === 1 ? LAYOUT.rows : LAYOUT.planes;
  const images = elements(x) / (x.shape[1] * inner || 1);
  const { training, unbiased } = attrs;
  return [images, x.shape[1], h, w, layout, ...[training, unbiased, relu, pool].map(flag)];
}

export const lowerBatchNorm: Lower = ({ root, nodes }, stored) => {
  const attrs = root.attrs as BatchNormAttrs;
  const [x, scale, shift, runningMean, runningVar] = [0, 1, 2, 3, 4].map((i) => needed(root, i));
  const [, mean, invStd] = root.outputs;
  const find = (op: string) => nodes.find((node) => node.op.name === op);
  const [pool, sum, relu] = ['maxPool2d', 'add', 'relu'].map(find);
  const y = (relu ?? pool ?? sum ?? root).outputs[0];
  const added = sum ? otherSummand(sum, root.outputs[0]) : null;
  const means = find('reduceMean')?.outputs[0];
  const maxima = find('reduceMax')?.outputs[0];
  return [
    {
      kernel: 'batch_norm',
      buffers: [
        ...[x, scale, shift, runningMean, runningVar, added],
        ...[y, pool?.outputs[1], mean, invStd, means, maxima].map(stored),
      ],
      ints: [
        ...normInts(x, attrs, relu !== undefined, pool !== undefined),
        ...[means, maxima].map(perMapStride),
      ],
      floats: [attrs.momentum, attrs.eps],
    },
  ];
};

export const lowerBatchNormGrad: Lower = ({ root, nodes }, stored) => {
  const [x, scale, mean, invStd] = [0, 1, 2, 3].map((i) => needed(root, i));
  const { shift, rectified, result, argmax, incoming } = undoneNorm(root, (node) => nodes.includes(node));
  const attention = attentionOperands(incoming);
  return [
    {
      kernel: 'batch_norm_grad',
      buffers: [
        ...[x, scale, shift, mean, invStd, incoming.g, result, argmax, ...attention.buffers],
        ...[0, 1, 2].map((i) => stored(root.outputs[i])),
        ...[5, 6].map((i) => root.inputs[i] ?? null),
      ],
      ints: [...normInts(x, root.attrs as BatchNormAttrs, rectified, argmax !== null), ...attention.strides],
      floats: [attention.factor],
    },
  ];
};
