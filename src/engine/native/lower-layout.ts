/** Reshapes, joining and slicing, pooling, lowered to layout.cc and pool.cc. */
import { ALIGNMENT, align, isBlocked, isMap, LANES, storageBytes } from '../../compile/layout.ts';
import { mismatch } from '../../errors.ts';
import type { TensorType, Value } from '../../graph/value.ts';
import { describe, size } from '../../graph/value.ts';
import type { ConcatAttrs, PadAttrs, SliceAttrs } from '../../ops/concat.ts';
import type { AvgPoolAttrs, PoolAttrs } from '../../ops/pool.ts';
import type { KernelCall, Lower, Place } from './kernel-call.ts';
import { flag, images, needed } from './kernel-call.ts';

const lines = (type: TensorType) => align(storageBytes(type)) / ALIGNMENT;
const zero = (place: Place, type: TensorType): KernelCall => ({
  kernel: 'zero',
  buffers: [place],
  ints: [lines(type)],
});

/** Maps whose lanes beyond C must be cleared before their channels are written. */
const needsClearing = (type: TensorType) => isBlocked(type) && type.shape[1] % LANES !== 0;

/**
 * One side of a copy, see `Side` in layout.cc. The region has the axes [images, C, H, W] of `shape`, and
 * starts at `start` on them.
 */
function side(type: TensorType, shape: readonly number[], start: readonly number[]): number[] {
  const [, c, h, w] = shape;
  const blocked = isBlocked(type);
  const row = blocked ? w * LANES : w;
  const pixel = blocked ? LANES : 1;
  const plane = h * row;
  const image = blocked ? Math.ceil(c / LANES) * plane : c * plane;
  const [block, lane] = blocked ? [plane, 1] : [plane * LANES, plane];
  const base = start[0] * image + start[2] * row + start[3] * pixel;
  return [base, image, block, lane, row, pixel, start[1]];
}

export const lowerReshape: Lower = ({ root }) => {
  const [x, y] = [needed(root, 0), root.outputs[0]];
  return reshape(x, x, y, y);
};

/** Copies the elements at `source`, of type `x`, to `target`, of type `y`. */
export function reshape(source: Place, x: TensorType, target: Place, y: TensorType): KernelCall[] {
  const buffers = [source, target];
  const time = x.time ?? 1;
  const same = x.shape.join() === y.shape.join();
  if (x.dtype === 'spike') {
    const map = ({ shape }: TensorType) => (shape.length === 2 ? [...shape, 1, 1] : shape);
    return [{ kernel: 'reshape_spike', buffers, ints: [time, ...map(x), ...map(y)] }];
  }
  const [from, to] = [isBlocked(x), isBlocked(y)];
  if ((!from && !to) || (from && to && same)) return [{ kernel: 'move', buffers, ints: [lines(x)] }];
  if (x.dtype !== 'f32') throw mismatch('native reshape()', 'a map of floats or spikes', describe(x));
  if (from && to) return [{ kernel: 'reshape_map', buffers, ints: [time, ...x.shape, ...y.shape] }];
  const { shape } = from ? x : y;
  const region = [time * shape[0], ...shape.slice(1)];
  const none = [0, 0, 0, 0];
  const copy = {
    kernel: 'copy',
    buffers,
    ints: [...region, ...side(x, shape, none), ...side(y, shape, none)],
  };
  return needsClearing(y) ? [zero(target, y), copy] : [copy];
}

/**
 * Copies that move the elements of `part`, which lies inside `whole` at `start` on `axis`: into it or out of it.
 */
function copies(part: Value, whole: Value, axis: number, start: number, into: boolean): KernelCall[] {
  const time = part.time ?? 1;
  const buffers = into ? [part, whole] : [whole, part];
  const call = (region: number[], sides: [number[], number[]]): KernelCall => ({
    kernel: 'copy',
    buffers,
    ints: [...region, ...(into ? sides : [sides[1], sides[0]]).flat()],
  });
  if (!isBlocked(part) && !isBlocked(whole)) {
    const inner = size(part.shape.slice(axis + 1));
    const outer = time * size(part.shape.slice(0, axis));
    const [length, width] = [part.shape[axis] * inner, whole.shape[axis] * inner];
    const region = [outer, 1, 1, length];
    const plain = (n: number, base: number) => [base, n, 0, 0, 0, 1, 0];
    return [call(region, [plain(length, 0), plain(width, start * inner)])];
  }
  const [n, ...rest] = part.shape;
  const at = (first: number, a: number) => [first, ...[1, 2, 3].map((k) => (k === a ? start : 0))];
  if (axis > 0)
    return [
      call(
        [time * n, ...rest],
        [side(part, part.shape, [0, 0, 0, 0]), side(whole, whole.shape, at(0, axis))],
      ),
    ];
  // Along the batch each time step is a copy of its own.
  return Array.from({ length: time }, (_, t) =>
    call(
      [n, ...rest],
      [
        side(part, part.shape, [t * n, 0, 0, 0]),
        side(whole, whole.shape, at(t * whole.shape[0] + start, axis)),
      ],
    ),
  );
}

export const lowerConcat: Lower = ({ root }) => {
  const y = root.outputs[0];
  const { axis } = root.attrs as ConcatAttrs;
  const calls: KernelCall[] = needsClearing(y) ? [zero(y, y)] : [];
  let start = 0;
  root.inputs.forEach((_, i) => {
    const x = needed(root, i);
    calls.push(...copies(x, y, axis, start, true));
    start += x.shape[axis];
  });
  return calls;
};

export const lowerSlice: Lower = ({ root }) => {
  const [x, y] = [needed(root, 0), root.outputs[0]];
  const { axis, start } = root.attrs as SliceAttrs;
  const calls = copies(y, x, axis, start, false);
  return needsClearing(y) ? [zero(y, y), ...calls] : calls;
};

export const lowerSliceGrad: Lower = ({ root }) => {
  const [g, dx] = [needed(root, 0), root.outputs[0]];
  const { axis, start } = root.attrs as PadAttrs;
  return [zero(dx, dx), ...copies(g, dx, axis, start, true)];
};

/** [TN, C, H, W, OH, OW, kh, kw, sh, sw, padTop, padLeft] */
function poolInts(source: TensorType, target: readonly number[], attrs: PoolAttrs): number[] {
  const { kernel, stride, padding } = attrs;
  const [, c, h, w] = source.shape;
  return [images(source), c, h, w, target[2], target[3], ...kernel, ...stride, padding[0], padding[2]];
}

export const lowerMaxPool2d: Lower = ({ root }, stored) => {
  const [x, [y, argmax]] = [needed(root, 0), root.outputs];
  return [
    {
      kernel: x.dtype === 'spike' ? 'max_pool_spike' : 'max_pool',
      buffers: [x, stored(y), stored(argmax)],
      ints: poolInts(x, y.shape, root.attrs as PoolAttrs),
    },
  ];
};

export const lowerMaxPool2dGrad: Lower = ({ root }) => {
  const [g, argmax, dx] = [needed(root, 0), needed(root, 1), root.outputs[0]];
  const ints = poolInts(dx, g.shape, root.attrs as PoolAttrs);
  return [{ kernel: 'max_pool_grad', buffers: [g, argmax, dx], ints }];
};

export const lowerAvgPool2d: Lower = ({ root }) => {
  const [x, y] = [needed(root, 0), root.outputs[0]];
  const attrs = root.attrs as AvgPoolAttrs;
  const ints = [...poolInts(x, y.shape, attrs), flag(attrs.countPadding)];
  return [{ kernel: 'avg_pool', buffers: [x, y], ints }];
};

export const lowerAvgPool2dGrad: Lower = ({ root }) => {
  const [g, dx] = [needed(root, 0), root.outputs[0]];
  const attrs = root.attrs as AvgPoolAttrs;
  const ints = [...poolInts(dx, g.shape, attrs), flag(attrs.countPadding)];
  return [{ kernel: 'avg_pool_grad', buffers: [g, dx], ints }];
};

/** [TN, C, H, W, OH, OW] of a pool from `large` to `small` maps. */
function adaptiveInts(large: TensorType, small: TensorType): number[] {
  return [images(large), ...large.shape.slice(1), ...small.shape.slice(2)];
}

export const lowerAdaptiveAvgPool2d: Lower = ({ root }) => {
  const [x, y] = [needed(root, 0), root.outputs[0]];
  return [{ kernel: 'adaptive_avg_pool', buffers: [x, y], ints: adaptiveInts(x, y) }];
};

export const lowerAdaptiveAvgPool2dGrad: Lower = ({ root }) => {
  const [g, dx] = [needed(root, 0), root.outputs[0]];
  return [{ kernel: 'adaptive_avg_pool_grad', buffers: [g, dx], ints: adaptiveInts(dx, g) }];
};

/** Whether a value lies as rows, for kernels that know [images, C, HW, rows]. */
export function randomInts(type: TensorType): number[] {
  if (isMap(type)) return [images(type), type.shape[1], size(type.shape.slice(2)), 0];
  if (type.shape.length === 2) return [images(type), type.shape[1], 1, 1];
  return [(type.time ?? 1) * size(type.shape), 1, 1, 1];
}
