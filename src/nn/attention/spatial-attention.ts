/**
 * Spatial attention: places are weighted by the mean and the maximum over channels,
 * s = σ(conv₇ₓ₇([mean; max])), y = s·x, without bias. Woo et al. 2018 (CBAM), section 3.2; paper (c) starts the
 * kernel from He's normal distribution. With a time axis each step has its own s.
 */
import { mismatch } from '../../errors.ts';
import type { Value } from '../../graph/value.ts';
import { concat } from '../../ops/concat.ts';
import { mul, sigmoid, toFloat } from '../../ops/elementwise.ts';
import { reduceMax, reduceMean } from '../../ops/reduce.ts';
import { heNormal } from '../init.ts';
import { conv } from '../layers.ts';
import type { Net } from '../net.ts';

export interface SpatialAttentionOptions {
  /** Odd; default 7. */
  readonly kernel?: number;
}

/** x [N, C, H, W] → the same shape. */
export function spatialAttention(
  net: Net,
  name: string,
  x: Value,
  { kernel = 7 }: SpatialAttentionOptions = {},
): Value {
  return net.layer(name, () => {
    if (!(kernel % 2 === 1)) throw mismatch(`spatialAttention(${name})`, 'an odd kernel', kernel);
    const maps = toFloat(x);
    const over = { axes: [1], keepDims: true };
    const seen = concat([reduceMean(maps, over), reduceMax(maps, over)], 1);
    const scale = conv(net, 'conv', seen, {
      filters: 1,
      kernel,
      padding: 'same',
      bias: false,
      init: heNormal,
    });
    return mul(maps, sigmoid(scale));
  });
}
