/** The layers that every network here is made of. Shapes are NCHW; names become parameter names. */

import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import { batchNormOp } from '../ops/batch-norm.ts';
import { type Conv2dOptions, convolve, convolveTransposed } from '../ops/conv2d.ts';
import { linear } from '../ops/dense.ts';
import { dropout as dropoutOp } from '../ops/dropout.ts';
import { add, toFloat } from '../ops/elementwise.ts';
import { reduceMax, reduceMean, reshapeTo } from '../ops/reduce.ts';
import { pair } from '../ops/shapes.ts';
import { constant, type Initializer } from './init.ts';
import type { Net } from './net.ts';

export interface ConvLayerOptions extends Omit<Conv2dOptions, 'padding'> {
  /** Output channels. */
  readonly filters: number;
  readonly kernel: number | readonly [number, number];
  /** `same`: output size = ⌈input / stride⌉, odd padding at the bottom and right, as Keras does. */
  readonly padding?: Conv2dOptions['padding'] | 'same';
  readonly bias?: boolean;
  readonly init?: Initializer;
}

/** Convolution with weight `<name>.weight` [O, C/groups, kh, kw] and bias `<name>.bias` [O]. */
export function conv(net: Net, name: string, x: Value, options: ConvLayerOptions): Value {
  return net.layer(name, () => {
    const { filters, groups = 1, bias = true, init = net.framework.kernel } = options;
    const kernel = pair(options.kernel);
    const shape = [filters, x.shape[1] / groups, ...kernel];
    const weight = net.parameter('weight', shape, init);
    const fanIn = shape[1] * kernel[0] * kernel[1];
    const shift = bias ? net.parameter('bias', [filters], net.framework.bias(fanIn)) : null;
    const padding = options.padding === 'same' ? samePadding(x, kernel, options) : options.padding;
    return convolve(x, weight, shift, { ...options, padding });
  });
}

function samePadding(
  x: Value,
  kernel: readonly [number, number],
  options: Conv2dOptions | ConvLayerOptions,
): readonly [number, number, number, number] {
  const stride = pair(options.stride ?? 1);
  const dilation = pair(options.dilation ?? 1);
  const total = [0, 1].map((axis) => {
    const n = x.shape[2 + axis];
    const reach = dilation[axis] * (kernel[axis] - 1) + 1;
    return Math.max(0, (Math.ceil(n / stride[axis]) - 1) * stride[axis] + reach - n);
  });
  const [rows, columns] = total;
  return [Math.floor(rows / 2), Math.ceil(rows / 2), Math.floor(columns / 2), Math.ceil(columns / 2)];
}

export interface ConvTransposeLayerOptions extends Omit<Conv2dOptions, 'padding'> {
  /** Output channels. */
  readonly filters: number;
  readonly kernel: number | readonly [number, number];
  /**
   * As the frameworks say it. `same` (Keras): the result is `stride` times as large; where that leaves an odd number of
   * rows to take off, the bottom and right lose the one more. `valid` (Keras): all that the kernel reaches, and at
   * least `stride` times as large. Numbers (PyTorch's `padding`; for all sides, or [rows, columns]) are taken off on
   * both sides. Default: 0.
   */
  readonly padding?: 'same' | 'valid' | number | readonly [number, number];
  /** PyTorch's `output_padding`: rows and columns more at the bottom and right. Only beside a `padding` of numbers. */
  readonly outputPadding?: number | readonly [number, number];
  readonly bias?: boolean;
  readonly init?: Initializer;
}

/**
 * Transposed convolution with weight `<name>.weight` [C, O/groups, kh, kw], as PyTorch keeps it, and bias
 * `<name>.bias` [O]: x [N, C, H, W] → [N, O, H', W'] with
 *
 *   `same`   H' = H·stride
 *   `valid`  H' = H·stride + max(dilation·(kh − 1) + 1 − stride, 0)
 *   numbers  H' = (H − 1)·stride − 2·padding + dilation·(kh − 1) + 1 + outputPadding
 *
 * It is the gradient of the input of a `conv` with the same options from O to C channels, which halves what this
 * doubles. Throws where nothing would be left of the result, or where `outputPadding` is not less than the stride.
 */
export function convTranspose(net: Net, name: string, x: Value, options: ConvTransposeLayerOptions): Value {
  return net.layer(name, () => {
    const { filters, groups = 1, bias = true, init = net.framework.kernel } = options;
    const kernel = pair(options.kernel);
    const shape = [x.shape[1], filters / groups, ...kernel];
    const weight = net.parameter('weight', shape, init);
    const y = convolveTransposed(x, weight, { ...options, ...transposedPadding(kernel, options) });
    if (!bias) return y;
    // Both frameworks take the fan-in of the convolution that this is the gradient of.
    const fanIn = shape[1] * kernel[0] * kernel[1];
    return add(y, reshapeTo(net.parameter('bias', [filters], net.framework.bias(fanIn)), [filters, 1, 1]));
  });
}

function transposedPadding(kernel: readonly [number, number], options: ConvTransposeLayerOptions) {
  const { padding = 0, outputPadding = 0 } = options;
  if (typeof padding !== 'string') {
    const [rows, columns] = pair(padding);
    return { padding: [rows, rows, columns, columns] as const, outputPadding: pair(outputPadding) };
  }
  if (pair(outputPadding).some((n) => n !== 0))
    throw mismatch(
      'convTranspose()',
      'an output padding beside a padding of numbers',
      `one beside ${padding}`,
    );
  const [stride, dilation] = [pair(options.stride ?? 1), pair(options.dilation ?? 1)];
  const [rows, columns] = ([0, 1] as const).map((axis) => {
    const over = dilation[axis] * (kernel[axis] - 1) + 1 - stride[axis];
    const off = padding === 'same' ? Math.max(0, over) : 0;
    return { before: Math.floor(off / 2), after: Math.ceil(off / 2), added: Math.max(0, -over) };
  });
  return {
    padding: [rows.before, rows.after, columns.before, columns.after] as const,
    outputPadding: [rows.added, columns.added] as const,
  };
}

export interface DenseLayerOptions {
  readonly units: number;
  readonly bias?: boolean;
  readonly init?: Initializer;
}

/** Fully connected layer with weight `<name>.weight` [O, F] and bias `<name>.bias` [O]. */
export function dense(net: Net, name: string, x: Value, options: DenseLayerOptions): Value {
  return net.layer(name, () => {
    const { units, bias = true, init = net.framework.kernel } = options;
    const weight = net.parameter('weight', [units, x.shape[1]], init);
    const shift = bias ? net.parameter('bias', [units], net.framework.bias(x.shape[1])) : null;
    return linear(x, weight, shift);
  });
}

export interface BatchNormLayerOptions {
  /** First value of the scale. */
  readonly gamma?: number;
  /** Left out: the framework's. */
  readonly eps?: number;
}

/** Batch normalisation over batch, time and map, with the framework's momentum, eps and variance. */
export function batchNorm(net: Net, name: string, x: Value, options: BatchNormLayerOptions = {}): Value {
  return net.layer(name, () => {
    const { gamma = 1, eps = net.framework.batchNorm.eps } = options;
    if (!Number.isFinite(gamma)) throw mismatch(`batchNorm(${name})`, 'a finite gamma', gamma);
    if (!(eps > 0)) throw mismatch(`batchNorm(${name})`, 'eps above 0', eps);
    const shape = [x.shape[1]];
    const inputs = [
      toFloat(x),
      net.parameter('weight', shape, constant(gamma)),
      net.parameter('bias', shape, constant(0)),
      net.state('running_mean', shape, constant(0)),
      net.state('running_var', shape, constant(1)),
    ];
    const attrs = { ...net.framework.batchNorm, eps, training: net.usesBatchStatistics };
    return apply(batchNormOp, inputs, attrs)[0];
  });
}

/** Dropout with probability `rate` in [0, 1) while training, nothing otherwise. */
export function dropout(net: Net, x: Value, rate: number): Value {
  if (!(rate >= 0 && rate < 1)) throw mismatch('dropout()', 'a rate in [0, 1)', rate);
  return net.training ? dropoutOp(x, net.rng, rate, net.nextStream()) : x;
}

/** Mean over the map: [N, C, H, W] → [N, C]. */
export function globalAvgPool(x: Value): Value {
  return reduceMean(x, { axes: [2, 3] });
}

/** Maximum over the map: [N, C, H, W] → [N, C]. */
export function globalMaxPool(x: Value): Value {
  return reduceMax(x, { axes: [2, 3] });
}
