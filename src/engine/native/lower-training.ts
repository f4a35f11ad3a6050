/** Losses, random draws, encodings and updates, lowered to softmax.cc, row_errors.cc, random.cc, optimizer.cc. */
import { storageBytes } from '../../compile/layout.ts';
import type { TensorType } from '../../graph/value.ts';
import { size } from '../../graph/value.ts';
import type { CrossEntropyAttrs } from '../../ops/cross-entropy.ts';
import type { DropoutAttrs } from '../../ops/dropout.ts';
import type { LatencyEncodeAttrs, RateEncodeAttrs } from '../../ops/encode.ts';
import { probability24 } from '../../ops/noise.ts';
import type { AdamAttrs, SgdAttrs } from '../../ops/optimizer.ts';
import type { Lower } from './kernel-call.ts';
import { expectPlain, flag, needed } from './kernel-call.ts';
import { randomInts } from './lower-layout.ts';

function lossInts(type: TensorType, { weighting }: CrossEntropyAttrs): number[] {
  return [...type.shape, flag(weighting === 'normalized')];
}

export const lowerCrossEntropy: Lower = ({ root }, stored) => {
  const [logits, labels] = [needed(root, 0), needed(root, 1)];
  const attrs = root.attrs as CrossEntropyAttrs;
  return [
    {
      kernel: 'cross_entropy',
      buffers: [logits, labels, root.inputs[2] ?? null, ...root.outputs.map(stored)],
      ints: lossInts(logits, attrs),
      floats: [attrs.labelSmoothing],
    },
  ];
};

export const lowerCrossEntropyGrad: Lower = ({ root }) => {
  const [probabilities, labels, g] = [needed(root, 0), needed(root, 1), needed(root, 3)];
  const attrs = root.attrs as CrossEntropyAttrs;
  return [
    {
      kernel: 'cross_entropy_grad',
      buffers: [probabilities, labels, root.inputs[2] ?? null, g, root.outputs[0]],
      ints: lossInts(probabilities, attrs),
      floats: [attrs.labelSmoothing],
    },
  ];
};

/** Rows lie one behind the other, with the empty lanes of their maps. */
function rowInts(x: TensorType): number[] {
  const [rows] = x.shape;
  const stored = storageBytes(x) / Float32Array.BYTES_PER_ELEMENT;
  return [rows, rows === 0 ? 0 : stored / rows, size(x.shape.slice(1))];
}

export const lowerRowErrors: Lower = ({ root }, stored) => {
  const [x, target] = [needed(root, 0), needed(root, 1)];
  return [{ kernel: 'row_errors', buffers: [x, target, ...root.outputs.map(stored)], ints: rowInts(x) }];
};

export const lowerRowErrorsGrad: Lower = ({ root }) => {
  const [x, target] = [needed(root, 0), needed(root, 1)];
  const [, , squared = null, absolute = null] = root.inputs;
  const buffers = [x, target, squared, absolute, root.outputs[0]];
  return [{ kernel: 'row_errors_grad', buffers, ints: rowInts(x) }];
};

export const lowerDropout: Lower = ({ root }) => {
  const [x, rng, y] = [needed(root, 0), needed(root, 1), root.outputs[0]];
  const { rate, stream } = root.attrs as DropoutAttrs;
  return [
    {
      kernel: 'dropout',
      buffers: [x, rng, y],
      ints: [...randomInts(x), stream, probability24(rate)],
      floats: [1 / (1 - rate)],
    },
  ];
};

export const lowerRateEncode: Lower = ({ root }) => {
  const [x, rng, y] = [needed(root, 0), needed(root, 1), root.outputs[0]];
  const { steps, stream } = root.attrs as RateEncodeAttrs;
  return [{ kernel: 'rate_encode', buffers: [x, rng, y], ints: [...randomInts(x), steps, stream] }];
};

export const lowerLatencyEncode: Lower = ({ root }) => {
  const [x, y] = [needed(root, 0), root.outputs[0]];
  const { steps, threshold } = root.attrs as LatencyEncodeAttrs;
  return [
    {
      kernel: 'latency_encode',
      buffers: [x, y],
      ints: [...randomInts(x), steps],
      floats: [floatFrom(threshold)],
    },
  ];
};

/** The least float that is not below `limit`: then x ≥ limit holds for the same floats x. */
function floatFrom(limit: number): number {
  const rounded = Math.fround(limit);
  if (rounded >= limit) return rounded;
  const bits = new Int32Array(Float32Array.of(rounded).buffer);
  bits[0] += rounded < 0 ? -1 : 1;
  return new Float32Array(bits.buffer)[0];
}

export const lowerSgd: Lower = ({ root }) => {
  const [parameter, g, lr] = [needed(root, 0), needed(root, 1), needed(root, 3)];
  const { momentum, nesterov, weightDecay } = root.attrs as SgdAttrs;
  expectPlain('sgd', g);
  return [
    {
      kernel: 'sgd',
      buffers: [parameter, g, root.inputs[2] ?? null, lr],
      ints: [size(parameter.shape), flag(nesterov)],
      floats: [momentum, weightDecay],
    },
  ];
};

export const lowerAdam: Lower = ({ root }) => {
  const { beta1, beta2, eps, rawEps, weightDecay, decoupled } = root.attrs as AdamAttrs;
  const rest = (x: number) => x - Math.fround(x);
  expectPlain('adam', needed(root, 1));
  return [
    {
      kernel: 'adam',
      buffers: [0, 1, 2, 3, 4, 5].map((i) => needed(root, i)),
      ints: [size(needed(root, 0).shape), flag(decoupled), flag(rawEps)],
      floats: [beta1, rest(beta1), 1 - beta1, beta2, rest(beta2), 1 - beta2, eps, weightDecay],
    },
  ];
};
