/**
 * Windowed pooling over feature maps. Padding never wins a maximum; averages count the whole window
 * (`countPadding`) or only what lies inside the map (Keras "same").
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef } from '../graph/op.ts';
import type { TensorType, Value } from '../graph/value.ts';
import { f32 } from '../graph/value.ts';
import { type BatchNormAttrs, batchNormGrad } from './batch-norm.ts';
import { castOp, eluOp, mulOp, reluOp, sigmoidOp, toFloat } from './elementwise.ts';
import { broadcastTo, reduceSum, reshapeOp } from './reduce.ts';
import { expectInput, expectWhole, fourSides, type Padding, pair, steps } from './shapes.ts';

export interface PoolAttrs {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** Top, bottom, left, right. */
  readonly padding: readonly [number, number, number, number];
}

export interface AvgPoolAttrs extends PoolAttrs {
  readonly countPadding: boolean;
}

/** The gradient must know the shape of the pooled map's source. */
type Source = { readonly source: readonly number[] };

function pooledShape(op: string, x: readonly number[], { kernel, stride, padding }: PoolAttrs): number[] {
  expectWhole(op, 'kernel', kernel, 1);
  expectWhole(op, 'stride', stride, 1);
  expectWhole(op, 'padding', padding, 0);
  const oh = Math.floor((x[2] + padding[0] + padding[1] - kernel[0]) / stride[0]) + 1;
  const ow = Math.floor((x[3] + padding[2] + padding[3] - kernel[1]) / stride[1]) + 1;
  const [rows, columns] = kernel;
  if (Math.max(padding[0], padding[1]) >= rows || Math.max(padding[2], padding[3]) >= columns)
    throw mismatch(`${op}()`, `padding less than the kernel, ${rows}×${columns}`, padding);
  if (oh < 1 || ow < 1) throw mismatch(`${op}()`, `a map of at least ${kernel.join('×')}`, `${x[2]}×${x[3]}`);
  return [x[0], x[1], oh, ow];
}

/** Calls `visit(source, target, k)` for each element inside each window, window by window, k in row order. */
function forEachWindow(
  source: readonly number[],
  target: readonly number[],
  planes: number,
  { kernel, stride, padding }: PoolAttrs,
  visit: (source: number, target: number, k: number) => void,
): void {
  const [, , h, w] = source;
  const [, , oh, ow] = target;
  for (let plane = 0; plane < planes; plane++)
    for (let i = 0; i < oh; i++)
      for (let j = 0; j < ow; j++)
        for (let a = 0; a < kernel[0]; a++)
          for (let b = 0; b < kernel[1]; b++) {
            const row = i * stride[0] - padding[0] + a;
            const column = j * stride[1] - padding[2] + b;
            if (row < 0 || row >= h || column < 0 || column >= w) continue;
            visit((plane * h + row) * w + column, (plane * oh + i) * ow + j, a * kernel[1] + b);
          }
}

const planesOf = (type: TensorType) => type.shape[0] * type.shape[1] * steps(type);

/** x (f32 or spike) → the maximum of each window, and which element of the window it was (first wins). */
export const maxPool2dOp: OpDef<PoolAttrs> = {
  name: 'maxPool2d',
  infer(inputs, attrs) {
    const x = expectInput('maxPool2d', inputs, 0, 'x', { rank: 4, dtypes: ['f32', 'spike'] });
    if (attrs.kernel[0] * attrs.kernel[1] > 256)
      throw mismatch('maxPool2d()', 'a window of at most 256 elements', attrs.kernel, 'use reduceMax');
    const type = f32(pooledShape('maxPool2d', x.shape, attrs), x.time);
    return [
      { ...type, dtype: x.dtype },
      { ...type, dtype: 'u8' },
    ];
  },
  gradient({ inputs: [x], outputs: [, argmax], grads: [g], attrs }) {
    return [x && g ? apply(maxPool2dGrad, [g, argmax], { ...attrs, source: x.shape })[0] : null];
  },
  reference({ inputs: [x], outputs: [y, argmax], attrs }) {
    if (!x) return;
    const shape = pooledShape('maxPool2d', x.type.shape, attrs);
    const planes = planesOf(x.type);
    const best = new Float64Array(planes * shape[2] * shape[3]).fill(-Infinity);
    forEachWindow(x.type.shape, shape, planes, attrs, (from, to, k) => {
      if (!(x.data[from] > best[to])) return;
      best[to] = x.data[from];
      if (argmax) argmax.data[to] = k;
    });
    y?.data.set(best);
  },
};

/** (g, argmax) → gradient of x. */
export const maxPool2dGrad: OpDef<PoolAttrs & Source> = {
  name: 'maxPool2dGrad',
  infer: ([g], { source }) => [f32(source, g?.time ?? null)],
  reference({ inputs: [g, argmax], outputs: [dx], attrs }) {
    if (!g || !argmax || !dx) return;
    dx.data.fill(0);
    forEachWindow(attrs.source, g.type.shape, planesOf(g.type), attrs, (from, to, k) => {
      if (argmax.data[to] === k) dx.data[from] += g.data[to];
    });
  },
};

function windowCounts(
  source: readonly number[],
  target: readonly number[],
  attrs: AvgPoolAttrs,
): Float64Array {
  const counts = new Float64Array(target[2] * target[3]);
  if (attrs.countPadding) return counts.fill(attrs.kernel[0] * attrs.kernel[1]);
  forEachWindow(source, target, 1, attrs, (_, to) => {
    counts[to]++;
  });
  return counts;
}

export const avgPool2dOp: OpDef<AvgPoolAttrs> = {
  name: 'avgPool2d',
  infer(inputs, attrs) {
    const x = expectInput('avgPool2d', inputs, 0, 'x', { rank: 4 });
    return [f32(pooledShape('avgPool2d', x.shape, attrs), x.time)];
  },
  gradient({ inputs: [x], grads: [g], attrs }) {
    return [x && g ? apply(avgPool2dGrad, [g], { ...attrs, source: x.shape })[0] : null];
  },
  reference({ inputs: [x], outputs: [y], attrs }) {
    if (!x || !y) return;
    const counts = windowCounts(x.type.shape, y.type.shape, attrs);
    const sums = new Float64Array(y.data.length);
    forEachWindow(x.type.shape, y.type.shape, planesOf(x.type), attrs, (from, to) => {
      sums[to] += x.data[from];
    });
    for (let i = 0; i < sums.length; i++) y.data[i] = sums[i] / counts[i % counts.length];
  },
};

/** (g) → gradient of x. */
export const avgPool2dGrad: OpDef<AvgPoolAttrs & Source> = {
  name: 'avgPool2dGrad',
  infer: ([g], { source }) => [f32(source, g?.time ?? null)],
  reference({ inputs: [g], outputs: [dx], attrs }) {
    if (!g || !dx) return;
    const counts = windowCounts(attrs.source, g.type.shape, attrs);
    const sums = new Float64Array(dx.data.length);
    forEachWindow(attrs.source, g.type.shape, planesOf(g.type), attrs, (from, to) => {
      sums[from] += g.data[to] / counts[to % counts.length];
    });
    dx.data.set(sums);
  },
};

export interface PoolOptions {
  readonly kernel: number | readonly [number, number];
  /** Defaults to the kernel. */
  readonly stride?: number | readonly [number, number];
  /**
   * One number for all sides, [rows, columns], or [top, bottom, left, right], less than the kernel; `same` pads at the bottom and
   * right first, as Keras does.
   */
  readonly padding?: 'same' | Padding;
}

function poolAttrs(x: Value, options: PoolOptions): PoolAttrs {
  const kernel = pair(options.kernel);
  const stride = pair(options.stride ?? options.kernel);
  const same = (n: number, axis: 0 | 1): [number, number] => {
    const total = Math.max(0, (Math.ceil(n / stride[axis]) - 1) * stride[axis] + kernel[axis] - n);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  };
  const { padding = 0 } = options;
  if (padding !== 'same') return { kernel, stride, padding: fourSides('pool', padding) };
  const [top, bottom] = same(x.shape[2], 0);
  const [left, right] = same(x.shape[3], 1);
  return { kernel, stride, padding: [top, bottom, left, right] };
}

/**
 * Maximum of each window. Spikes stay spikes: a window fires if any of its elements does.
 *
 * What never falls, as ReLU and ELU, reading spikes as numbers, and weighing channels by what is not below zero, commutes
 * with the maximum, also for the gradient. So a pooled ReLU is traced as the ReLU of what is pooled: a quarter of the
 * work, and the large map need not be kept for the way back.
 */
export function maxPool2d(x: Value, options: PoolOptions): Value {
  if (x.source.kind === 'node') {
    const { op, inputs, stops, attrs } = x.source.node;
    const [before, ...rest] = inputs;
    const neverFalls =
      op === reluOp || op === eluOp || op === castOp || (op === mulOp && weighsMaps(rest[0]));
    if (before?.shape.length === 4 && stops.size === 0 && neverFalls)
      return apply(op, [maxPool2d(before, options), ...rest], attrs)[0];
  }
  return apply(maxPool2dOp, [x], poolAttrs(x, options))[0];
}

/** Whether a factor is the same all over a map, and a sigmoid, so that it is never below zero. */
function weighsMaps(factor: Value | null): boolean {
  if (factor?.source.kind !== 'node' || factor.shape[2] !== 1 || factor.shape[3] !== 1) return false;
  const { op, inputs } = factor.source.node;
  const shaped = op === reshapeOp ? inputs[0]?.source : factor.source;
  return shaped?.kind === 'node' && shaped.node.op === sigmoidOp;
}

/**
 * Sum over batch, time and map: one number a channel. Undoing a maximum moves gradients, it adds none. A gradient
 * behind a normalisation by the batch's own mean sums to zero: adding a constant before it changes nothing.
 */
export function spatialSum(g: Value): Value {
  if (g.source.kind === 'node' && g.source.index === 0 && g.source.node.op === batchNormGrad) {
    const { training } = g.source.node.attrs as BatchNormAttrs;
    if (training) return broadcastTo(g.graph.scalar(0), [g.shape[1]], null);
  }
  const unpooled = g.source.kind === 'node' && g.source.node.op === maxPool2dGrad;
  const source = unpooled && g.source.kind === 'node' ? (g.source.node.inputs[0] ?? g) : g;
  return reduceSum(source, { axes: [0, 2, 3], time: true });
}

/** Mean of each window; `countPadding` false divides by the elements inside the map only. */
export function avgPool2d(x: Value, options: PoolOptions & { readonly countPadding?: boolean }): Value {
  return apply(avgPool2dOp, [toFloat(x)], {
    ...poolAttrs(x, options),
    countPadding: options.countPadding ?? true,
  })[0];
}
