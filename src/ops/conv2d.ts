/**
 * 2-D convolution (cross-correlation) over feature maps, and its two gradients. The gradient of its input run forward
 * is the transposed convolution (Zeiler et al., "Deconvolutional Networks", 2010): it has gradients of its own.
 *
 * x [N, C, H, W] (f32 or spike), w [O, C/groups, kh, kw], bias [O] → y [N, O, H', W'],
 * H' = floor((H + top + bottom − dilation·(kh − 1) − 1) / stride) + 1.
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef } from '../graph/op.ts';
import type { TensorType, Value } from '../graph/value.ts';
import { f32, size } from '../graph/value.ts';
import { toFloat } from './elementwise.ts';
import { spatialSum } from './pool.ts';
import {
  commonTime,
  dataOf,
  expectInput,
  expectShape,
  expectWhole,
  fourSides,
  type Padding,
  pair,
} from './shapes.ts';

export interface Conv2dAttrs {
  /** Rows, columns. */
  readonly stride: readonly [number, number];
  /** Top, bottom, left, right. */
  readonly padding: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/** What the gradients must know besides: the shape of what they compute. */
export interface Conv2dGradAttrs extends Conv2dAttrs {
  /** [N, C, H, W] of the input, or [O, C/groups, kh, kw] of the weight. */
  readonly target: readonly number[];
}

/** Everything a kernel needs, in one place. N includes the time steps. */
export interface ConvGeometry extends Conv2dAttrs {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly o: number;
  readonly oh: number;
  readonly ow: number;
  readonly kh: number;
  readonly kw: number;
}

export function convGeometry(
  x: readonly number[],
  w: readonly number[],
  attrs: Conv2dAttrs,
  time: number | null,
): ConvGeometry {
  const { stride, padding, dilation, groups } = attrs;
  expectWhole('conv2d', 'stride', stride, 1);
  expectWhole('conv2d', 'padding', padding, 0);
  expectWhole('conv2d', 'dilation', dilation, 1);
  expectWhole('conv2d', 'groups', [groups], 1);
  const out = (n: number, pad: number, k: number, axis: 0 | 1) =>
    Math.floor((n + pad - dilation[axis] * (k - 1) - 1) / stride[axis]) + 1;
  const oh = out(x[2], padding[0] + padding[1], w[2], 0);
  const ow = out(x[3], padding[2] + padding[3], w[3], 1);
  if (oh < 1 || ow < 1)
    throw mismatch('conv2d()', `a map of at least ${w[2]}×${w[3]} with padding`, `${x[2]}×${x[3]}`);
  if (x[1] % attrs.groups !== 0 || w[0] % attrs.groups !== 0 || w[1] !== x[1] / attrs.groups)
    throw mismatch(
      'conv2d()',
      `weights for ${x[1]} channels in ${attrs.groups} groups, [O×${x[1] / attrs.groups}×kh×kw]`,
      `[${w.join('×')}]`,
    );
  return { ...attrs, n: x[0] * (time ?? 1), c: x[1], h: x[2], w: x[3], o: w[0], oh, ow, kh: w[2], kw: w[3] };
}

function macs(g: ConvGeometry): number {
  return g.n * g.o * g.oh * g.ow * (g.c / g.groups) * g.kh * g.kw;
}

/** Calls `visit(xIndex, wIndex, yIndex)` for each product of the convolution, y by y. */
function forEachProduct(g: ConvGeometry, visit: (x: number, w: number, y: number) => void): void {
  const cg = g.c / g.groups;
  const og = g.o / g.groups;
  for (let n = 0; n < g.n; n++)
    for (let o = 0; o < g.o; o++)
      for (let i = 0; i < g.oh; i++)
        for (let j = 0; j < g.ow; j++)
          for (let c = 0; c < cg; c++)
            for (let a = 0; a < g.kh; a++)
              for (let b = 0; b < g.kw; b++) {
                const row = i * g.stride[0] - g.padding[0] + a * g.dilation[0];
                const column = j * g.stride[1] - g.padding[2] + b * g.dilation[1];
                if (row < 0 || row >= g.h || column < 0 || column >= g.w) continue;
                const channel = Math.floor(o / og) * cg + c;
                visit(
                  ((n * g.c + channel) * g.h + row) * g.w + column,
                  ((o * cg + c) * g.kh + a) * g.kw + b,
                  ((n * g.o + o) * g.oh + i) * g.ow + j,
                );
              }
}

export const conv2d: OpDef<Conv2dAttrs> = {
  name: 'conv2d',
  infer(inputs, attrs) {
    const x = expectInput('conv2d', inputs, 0, 'x', { rank: 4, dtypes: ['f32', 'spike'] });
    const w = expectInput('conv2d', inputs, 1, 'weight', { rank: 4 });
    const g = convGeometry(x.shape, w.shape, attrs, x.time);
    if (inputs[2]) expectShape('conv2d', inputs[2], 'bias', [g.o]);
    return [f32([x.shape[0], g.o, g.oh, g.ow], x.time)];
  },
  gradient({ inputs: [x, w, bias], grads: [g], attrs, needs }) {
    if (!x || !w || !g) return [null, null, null];
    return [
      needs(0) ? apply(conv2dGradInput, [g, w], { ...attrs, target: x.shape })[0] : null,
      needs(1) ? apply(conv2dGradWeight, [x, g], { ...attrs, target: w.shape })[0] : null,
      bias && needs(2) ? spatialSum(g) : null,
    ];
  },
  macs: ({ inputs, attrs }) => macs(geometry(inputs[0], inputs[1], attrs)),
  reference({ inputs: [x, w, bias], outputs: [y], attrs }) {
    if (!x || !w || !y) return;
    const sums = new Float64Array(y.data.length);
    const g = geometry(x.type, w.type, attrs);
    if (bias)
      sums.forEach((_, i) => {
        sums[i] = bias.data[Math.floor(i / (g.oh * g.ow)) % g.o];
      });
    forEachProduct(g, (i, k, o) => {
      sums[o] += x.data[i] * w.data[k];
    });
    y.data.set(sums);
  },
};

/** (g [N, O, H', W'], w) → gradient of x. */
export const conv2dGradInput: OpDef<Conv2dGradAttrs> = {
  name: 'conv2dGradInput',
  infer(inputs, attrs) {
    const g = expectInput('conv2dGradInput', inputs, 0, 'g', { rank: 4 });
    const w = expectInput('conv2dGradInput', inputs, 1, 'weight', { rank: 4 });
    const { o, oh, ow } = convGeometry(attrs.target, w.shape, attrs, g.time);
    expectShape('conv2dGradInput', g, 'maps', [attrs.target[0], o, oh, ow]);
    return [f32(attrs.target, commonTime('conv2dGradInput', inputs))];
  },
  gradient({ inputs: [g, w], grads: [dx], attrs, needs }) {
    if (!g || !w || !dx) return [null, null];
    const { target: _, ...convolution } = attrs;
    return [
      needs(0) ? apply(conv2d, [dx, w, null], convolution)[0] : null,
      needs(1) ? apply(conv2dGradWeight, [dx, g], { ...convolution, target: w.shape })[0] : null,
    ];
  },
  macs: ({ inputs, attrs }) => macs(convGeometry(attrs.target, shapeOf(inputs[1]), attrs, timeOf(inputs[0]))),
  reference({ inputs: [g, w], outputs: [dx], attrs }) {
    if (!g || !w || !dx) return;
    const sums = new Float64Array(dx.data.length);
    forEachProduct(convGeometry(attrs.target, w.type.shape, attrs, g.type.time), (i, k, o) => {
      sums[i] += g.data[o] * w.data[k];
    });
    dx.data.set(sums);
  },
};

/** (x, g) → gradient of w, summed over batch and time. */
export const conv2dGradWeight: OpDef<Conv2dGradAttrs> = {
  name: 'conv2dGradWeight',
  infer: (_, attrs) => [{ dtype: 'f32', shape: attrs.target, time: null, format: 'flat' }],
  macs: ({ inputs, attrs }) => macs(convGeometry(shapeOf(inputs[0]), attrs.target, attrs, timeOf(inputs[0]))),
  reference({ inputs: [x, g], outputs: [dw], attrs }) {
    const sums = new Float64Array(size(attrs.target));
    if (!x || !g || !dw) return;
    forEachProduct(convGeometry(x.type.shape, attrs.target, attrs, x.type.time), (i, k, o) => {
      sums[k] += x.data[i] * g.data[o];
    });
    dataOf(dw).set(sums);
  },
};

function geometry(x: TensorType | null, w: TensorType | null, attrs: Conv2dAttrs): ConvGeometry {
  return convGeometry(shapeOf(x), shapeOf(w), attrs, timeOf(x));
}

function shapeOf(type: TensorType | null): readonly number[] {
  return type?.shape ?? [];
}

function timeOf(type: TensorType | null): number | null {
  return type?.time ?? null;
}

export interface ConvTransposeOptions extends Omit<Conv2dOptions, 'padding'> {
  /** Taken off the result at the top, bottom, left and right: PyTorch's `padding`. */
  readonly padding?: Conv2dAttrs['padding'];
  /** Rows and columns that are added at the bottom and right: PyTorch's `output_padding`; less than the stride. */
  readonly outputPadding?: readonly [number, number];
}

/**
 * Traces a transposed convolution: each element of `x` [N, C, H, W] adds its multiple of `weight` [C, O/groups, kh, kw]
 * to the result [N, O, H', W'], H' = (H − 1)·stride − top − bottom + dilation·(kh − 1) + 1 + outputPadding.
 * Throws where channels and weight do not fit, or where nothing is left of the result.
 */
export function convolveTransposed(x: Value, weight: Value, options: ConvTransposeOptions = {}): Value {
  const stride = pair(options.stride ?? 1);
  const dilation = pair(options.dilation ?? 1);
  const { padding = [0, 0, 0, 0], outputPadding = [0, 0], groups = 1 } = options;
  const kernel = weight.shape.slice(2);
  const side = (axis: 0 | 1) => {
    const added = outputPadding[axis];
    if (!Number.isInteger(added) || added < 0 || added >= stride[axis])
      throw mismatch('convTranspose()', `an output padding from 0 to ${stride[axis] - 1}`, added);
    const off = padding[2 * axis] + padding[2 * axis + 1];
    const n = (x.shape[2 + axis] - 1) * stride[axis] - off + dilation[axis] * (kernel[axis] - 1) + 1 + added;
    if (n < 1) throw mismatch('convTranspose()', 'padding that leaves something of the result', off);
    return n;
  };
  const target = [x.shape[0], weight.shape[1] * groups, side(0), side(1)];
  return apply(conv2dGradInput, [toFloat(x), weight], { stride, padding, dilation, groups, target })[0];
}

export interface Conv2dOptions {
  readonly stride?: number | readonly [number, number];
  /** One number for all sides, [rows, columns], or [top, bottom, left, right]. */
  readonly padding?: Padding;
  readonly dilation?: number | readonly [number, number];
  readonly groups?: number;
}

/**
 * Traces a convolution. `x` [N, C, H, W], `weight` [O, C/groups, kh, kw], `bias` [O] or null.
 * Throws where channels, groups and weight do not fit, or where the map is smaller than the kernel.
 */
export function convolve(x: Value, weight: Value, bias: Value | null, options: Conv2dOptions = {}): Value {
  return apply(conv2d, [x, weight, bias], {
    stride: pair(options.stride ?? 1),
    padding: fourSides('conv2d', options.padding ?? 0),
    dilation: pair(options.dilation ?? 1),
    groups: options.groups ?? 1,
  })[0];
}
