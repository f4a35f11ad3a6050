/** Elementwise ops, stretching and reductions, lowered to elementwise.cc and reduce*.cc. */
import { isBlocked, isMap, LANES } from '../../compile/layout.ts';
import type { TensorType } from '../../graph/value.ts';
import { size } from '../../graph/value.ts';
import type { AffineAttrs, EluAttrs } from '../../ops/elementwise.ts';
import type { BroadcastAttrs, ReduceAttrs } from '../../ops/reduce.ts';
import { reducedCount } from '../../ops/reduce.ts';
import type { Lower } from './kernel-call.ts';
import { flag, images, needed } from './kernel-call.ts';
import { axisSizes, axisStrides, elementwiseWalk } from './walk.ts';

/** Two operands; `keepsZero`: zero of both gives zero. */
function lowerBinary(kernel: string, floats?: (attrs: object) => number[]): Lower {
  return ({ root }) => {
    const [a, b, y] = [needed(root, 0), needed(root, 1), root.outputs[0]];
    const ints = elementwiseWalk(y, [a, b], true);
    return [{ kernel, buffers: [a, b, y], ints, floats: floats?.(root.attrs) }];
  };
}

const alphaOf = (attrs: object) => [(attrs as EluAttrs).alpha];

export const lowerAdd = lowerBinary('add');
export const lowerMul = lowerBinary('mul');
export const lowerReluGrad = lowerBinary('relu_grad');
export const lowerSigmoidGrad = lowerBinary('sigmoid_grad');
export const lowerEluGrad = lowerBinary('elu_grad', alphaOf);

function lowerUnary(kernel: string, keepsZero: boolean, floats?: (attrs: object) => number[]): Lower {
  return ({ root }) => {
    const [x, y] = [needed(root, 0), root.outputs[0]];
    const ints = elementwiseWalk(y, [x], keepsZero);
    return [{ kernel, buffers: [x, y], ints, floats: floats?.(root.attrs) }];
  };
}

export const lowerRelu = lowerUnary('relu', true);
export const lowerSigmoid = lowerUnary('sigmoid', false);
export const lowerElu = lowerUnary('elu', true, alphaOf);

export const lowerAffine: Lower = ({ root }) => {
  const [x, y] = [needed(root, 0), root.outputs[0]];
  const { scale, offset } = root.attrs as AffineAttrs;
  return [
    {
      kernel: 'affine',
      buffers: [x, y],
      ints: elementwiseWalk(y, [x], offset === 0),
      floats: [scale, offset],
    },
  ];
};

export const lowerBroadcastTo: Lower = ({ root }) => {
  const [x, y] = [needed(root, 0), root.outputs[0]];
  const { scale } = root.attrs as BroadcastAttrs;
  return [{ kernel: 'affine', buffers: [x, y], ints: elementwiseWalk(y, [x], true), floats: [scale, 0] }];
};

export const lowerCast: Lower = ({ root }) => {
  const [x, y] = [needed(root, 0), root.outputs[0]];
  const pixels = isMap(x) ? size(x.shape.slice(2)) : 1;
  return [{ kernel: 'cast', buffers: [x, y], ints: [images(x), x.shape[1], pixels, flag(!isMap(x))] }];
};

// ---- Reductions

export const SUM = 0;
export const MAX = 1;

/** The type of a result with its reduced axes kept as 1: the same bytes, and it lines up with x. */
function keptType(x: TensorType, y: TensorType, { axes }: ReduceAttrs): TensorType {
  const shape = x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
  return isBlocked(y) ? y : { ...y, shape, format: 'flat' };
}

/** Rows of spikes are walked as maps of one pixel. */
function asMap(type: TensorType): TensorType {
  return isMap(type) ? type : { ...type, shape: [...type.shape, 1, 1] };
}

/** Bits of the axes that are kept, for axes [time, (filled up), shape]. */
function keptBits(x: TensorType, attrs: ReduceAttrs, split: boolean): number {
  const lead = split ? 1 : 6 - x.shape.length;
  let bits = attrs.time ? 0 : 1;
  for (let axis = 1; axis < lead; axis++) bits |= 1 << axis;
  x.shape.forEach((_, axis) => {
    if (!attrs.axes.includes(axis)) bits |= 1 << (lead + axis);
  });
  // Channels are two axes: blocks, and lanes as the last.
  if (split && !attrs.axes.includes(1)) bits |= 1 << 5;
  return bits;
}

function lowerReduce(mode: number, mean: boolean): Lower {
  return ({ root }) => {
    const [x, y] = [needed(root, 0), root.outputs[0]];
    const attrs = root.attrs as ReduceAttrs;
    const floats = [mean ? 1 / reducedCount(x, attrs) : 1];
    const buffers = [x, y];
    if (x.dtype === 'spike') {
      const map = asMap(x);
      const kept = keptType(map, y, attrs);
      const sizes = axisSizes(map, true).slice(0, 5);
      const yStrides = keptOnly(axisStrides(kept, map, true), keptBits(map, attrs, true));
      return [
        {
          kernel: 'reduce_spike',
          buffers,
          ints: [
            ...[mode, keptBits(map, attrs, true), map.shape[1], lanesOf(y)],
            ...[...sizes, ...contiguous(sizes), ...yStrides],
          ],
          floats,
        },
      ];
    }
    return [{ kernel: 'reduce', buffers, ints: reduceInts(x, y, attrs, mode), floats }];
  };
}

const lanesOf = (y: TensorType) => (isBlocked(y) ? LANES : 0);

/** What the kernel `reduce` is told to bring floats of type `x` to type `y`. */
export function reduceInts(x: TensorType, y: TensorType, attrs: ReduceAttrs, mode: number): number[] {
  const split = isBlocked(x) || isBlocked(y);
  const bits = keptBits(x, attrs, split);
  const yStrides = keptOnly(axisStrides(keptType(x, y, attrs), x, split), bits);
  return [
    ...[mode, bits, flag(split), split ? x.shape[1] : 0, lanesOf(y)],
    ...[...axisSizes(x, split), ...axisStrides(x, x, split), ...yStrides],
  ];
}

function keptOnly(strides: readonly number[], bits: number): number[] {
  return strides.map((stride, axis) => ((bits >> axis) & 1 ? stride : 0));
}

function contiguous(sizes: readonly number[]): number[] {
  const strides: number[] = [];
  sizes.reduceRight((stride, n, axis) => {
    strides[axis] = stride;
    return stride * n;
  }, 1);
  return strides;
}

export const lowerReduceSum = lowerReduce(SUM, false);
export const lowerReduceMean = lowerReduce(SUM, true);
export const lowerReduceMax = lowerReduce(MAX, false);

export const lowerReduceMaxGrad: Lower = ({ root }) => {
  const [x, y, g] = [needed(root, 0), needed(root, 1), needed(root, 2)];
  const attrs = root.attrs as ReduceAttrs;
  const dx = root.outputs[0];
  // Axes [T, N, C, H, W]: rows become maps of one pixel, other shapes are filled up with 1.
  const shape = x.shape.length <= 4 ? [...x.shape, 1, 1, 1, 1].slice(0, 4) : x.shape;
  const logical: TensorType = { ...x, shape };
  const sizes = axisSizes({ ...logical, dtype: 'f32', format: 'flat' }, false).slice(1);
  const bits = keptBits(logical, attrs, true) & 0b11111;
  const kept = keptType(logical, y, attrs);
  const split = axisStrides(kept, logical, true);
  const [t, n, , h, w] = split;
  const ints = [flag(x.dtype === 'spike'), flag(isBlocked(dx)), bits];
  return [
    {
      kernel: 'reduce_max_grad',
      buffers: [x, y, g, dx],
      ints: [...ints, logical.time ?? 1, ...sizes.slice(-4), t, n, 0, h, w, split[2], split[5]],
    },
  ];
};
