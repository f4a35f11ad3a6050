/** The layers that every network here is made of. Shapes are NCHW; names become parameter names. */

import { apply } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import { batchNormOp } from '../ops/batch-norm.ts';
import { type Conv2dOptions, convolve } from '../ops/conv2d.ts';
import { linear } from '../ops/dense.ts';
import { dropout as dropoutOp } from '../ops/dropout.ts';
import { toFloat } from '../ops/elementwise.ts';
import { reduceMax, reduceMean } from '../ops/reduce.ts';
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
    const shape = [x.shape[1]];
    const inputs = [
      toFloat(x),
      net.parameter('weight', shape, constant(options.gamma ?? 1)),
      net.parameter('bias', shape, constant(0)),
      net.state('running_mean', shape, constant(0)),
      net.state('running_var', shape, constant(1)),
    ];
    const { batchNorm: defaults } = net.framework;
    const attrs = { ...defaults, eps: options.eps ?? defaults.eps, training: net.usesBatchStatistics };
    return apply(batchNormOp, inputs, attrs)[0];
  });
}

/** Dropout with probability `rate` while training, nothing otherwise. */
export function dropout(net: Net, x: Value, rate: number): Value {
  return net.training ? dropoutOp(x, net.rng, rate, net.nextStream()) : x;
}

/** Mean over the map: [N, C, H, W] → [N, C]. */
export function globalAvgPool(x: Value): Value {
  return reduceMean(toFloat(x), { axes: [2, 3] });
}

/** Maximum over the map: [N, C, H, W] → [N, C]. */
export function globalMaxPool(x: Value): Value {
  return reduceMax(toFloat(x), { axes: [2, 3] });
}
