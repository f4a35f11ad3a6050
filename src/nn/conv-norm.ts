/** Convolution, batch normalisation, activation: the unit that the CNNs of paper (c) are made of. */
import type { Value } from '../graph/value.ts';
import { relu } from '../ops/elementwise.ts';
import { batchNorm, type ConvLayerOptions, conv } from './layers.ts';
import type { Net } from './net.ts';

export interface ConvNormOptions extends Omit<ConvLayerOptions, 'padding'> {
  /** Default: `same`. */
  readonly padding?: ConvLayerOptions['padding'];
  /** Default: ReLU. */
  readonly activation?: (x: Value) => Value;
}

/** Layers `conv<id>` and `bn<id>`; x [N, C, H, W] → [N, filters, ⌈H/stride⌉, ⌈W/stride⌉]. */
export function convNorm(net: Net, id: string | number, x: Value, options: ConvNormOptions): Value {
  const { activation = relu, ...convolution } = options;
  const y = conv(net, `conv${id}`, x, { padding: 'same', ...convolution });
  return activation(batchNorm(net, `bn${id}`, y));
}
