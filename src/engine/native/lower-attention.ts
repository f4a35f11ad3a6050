/**
 * Attention and the elementwise ops and reductions that it is made of: where they act on whole blocked maps they have
 * kernels of their own, channel.cc for channel attention and pixel.cc for spatial attention, else those of elementwise.cc
 * and reduce*.cc.
 */
import { type AttentionGradient, channelGradient, pixelGradient } from '../../compile/fuse-attention.ts';
import { isBlocked, LANES } from '../../compile/layout.ts';
import { isPerMap, reducesChannels, reducesMaps, sameType } from '../../compile/match.ts';
import type { Node, TensorType, Value } from '../../graph/value.ts';
import type { KernelCall, Lower } from './kernel-call.ts';
import { flag, images, needed } from './kernel-call.ts';
import * as plain from './lower-elementwise.ts';

/** Floats from image to image of a value with one number a map; 0 where there is none. */
export function perMapStride(value: TensorType | null | undefined): number {
  if (!value) return 0;
  return isBlocked(value) ? Math.ceil(value.shape[1] / LANES) * LANES : value.shape[1];
}

/** Operands of ChannelGradient in channel_gradient.h. */
export function attentionOperands({ scale, offset, maximum, factor = 1 }: Partial<AttentionGradient>): {
  buffers: (Value | null)[];
  strides: number[];
  factor: number;
} {
  const [, largest = null, ofLargest = null] = maximum?.inputs ?? [];
  const buffers = [scale ?? null, offset ?? null, largest, ofLargest];
  return { buffers, strides: buffers.map(perMapStride), factor };
}

/** [TN, C, H, W] */
const mapInts = (maps: TensorType) => [images(maps), ...maps.shape.slice(1)];
/** [TN, C, H·W] */
const pixelInts = (maps: TensorType) => [images(maps), maps.shape[1], maps.shape[2] * maps.shape[3]];

function channelGrad(sum: AttentionGradient, rectified: Value | null, dx: Value): KernelCall {
  const { buffers, strides, factor } = attentionOperands(sum);
  const scaled = rectified ?? sum.maximum?.inputs[0] ?? null;
  return {
    kernel: 'channel_grad',
    buffers: [sum.g, scaled, ...buffers, dx],
    ints: [...mapInts(dx), ...strides, flag(rectified !== null)],
    floats: [factor],
  };
}

export const lowerAdd: Lower = (step, stored, loop, keeps) => {
  const { root, nodes } = step;
  if (nodes.length === 1) return plain.lowerAdd(step, stored, loop, keeps);
  const [dx] = root.outputs;
  const within = (node: Node) => nodes.includes(node);
  const sum = channelGradient(dx, within);
  return [sum.nodes.length > 0 ? channelGrad(sum, null, dx) : pixelGrad(pixelGradient(dx, within), dx)];
};

/** Only the terms that there are. */
function pixelGrad(sum: Partial<AttentionGradient>, dx: Value): KernelCall {
  const { g = null, scale = null, offset = null, factor = 1, maximum } = sum;
  const [x, largest, ofLargest] = maximum?.inputs ?? [null, null, null];
  return {
    kernel: 'pixel_grad',
    buffers: [g, x, scale, offset, largest, ofLargest, dx],
    ints: pixelInts(dx),
    floats: [factor],
  };
}

export const lowerReduceMaxGrad: Lower = (step, stored, loop, keeps) => {
  const { root } = step;
  const [dx] = root.outputs;
  if (isBlocked(dx) && needed(root, 0).dtype === 'f32' && reducesChannels(root))
    return [pixelGrad({ maximum: root }, dx)];
  return plain.lowerReduceMaxGrad(step, stored, loop, keeps);
};

export const lowerReluGrad: Lower = (step, stored, loop, keeps) => {
  const { root, nodes } = step;
  if (nodes.length === 1) return plain.lowerReluGrad(step, stored, loop, keeps);
  const sum = channelGradient(needed(root, 1), (node) => nodes.includes(node));
  return [channelGrad(sum, needed(root, 0), root.outputs[0])];
};

export const lowerMul: Lower = (step, stored, loop, keeps) => {
  const { root, nodes } = step;
  const [a, b, y] = [needed(root, 0), needed(root, 1), root.outputs[0]];
  const reduced = nodes.find(({ op }) => op.name === 'reduceSum');
  const sum = reduced?.outputs[0];
  if (reduced && sum && reducesChannels(reduced))
    return [{ kernel: 'pixel_dot', buffers: [a, b, sum], ints: pixelInts(a) }];
  const cast = nodes.find(({ op }) => op.name === 'cast');
  const [x, other] = (cast ? cast.outputs[0] === b : isPerMap(a, y)) ? [b, a] : [a, b];
  const maps = cast ? needed(cast, 0) : x;
  const suffix = cast ? '_spike' : '';
  if (sum)
    return [
      {
        kernel: `channel_dot${suffix}`,
        buffers: [maps, other, sum],
        ints: [...mapInts(other), perMapStride(sum)],
      },
    ];
  if (!isBlocked(y) || !sameType(x, y) || !isPerMap(other, y))
    return plain.lowerMul(step, stored, loop, keeps);
  return [
    {
      kernel: `channel_scale${suffix}`,
      buffers: [maps, other, y],
      ints: [...mapInts(y), perMapStride(other)],
    },
  ];
};

/** Mean or maximum of whole maps, or of all channels of a pixel, or both. */
function lowerSummary(single: Lower): Lower {
  return (step, stored, loop, keeps) => {
    const { root, nodes } = step;
    const x = needed(root, 0);
    const [maps, channels] = [reducesMaps(root), reducesChannels(root)];
    if (!isBlocked(x) || x.dtype !== 'f32' || !(maps || channels)) return single(step, stored, loop, keeps);
    const results = ['reduceMean', 'reduceMax'].map((op) =>
      stored(nodes.find((node) => node.op.name === op)?.outputs[0]),
    );
    if (channels) return [{ kernel: 'pixel_summary', buffers: [x, ...results], ints: pixelInts(x) }];
    return [
      {
        kernel: 'map_summary',
        buffers: [x, ...results],
        ints: [...mapInts(x), ...results.map(perMapStride)],
      },
    ];
  };
}

export const lowerReduceMean = lowerSummary(plain.lowerReduceMean);
export const lowerReduceMax = lowerSummary(plain.lowerReduceMax);
