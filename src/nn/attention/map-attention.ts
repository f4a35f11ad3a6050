/**
 * Attention among feature maps: each map is a token. Query and key are linear in its H·W pixels, the value is the map
 * itself, so that the result is a mixture of maps. Paper (d), architecture 3.
 */
import { stopGradient } from '../../graph/graph.ts';
import type { Value } from '../../graph/value.ts';
import { toFloat } from '../../ops/elementwise.ts';
import { reshapeTo } from '../../ops/reduce.ts';
import { dense } from '../layers.ts';
import type { Net } from '../net.ts';
import { type DotProductOptions, dotProductAttention } from './dot-product-attention.ts';

export interface MapAttentionOptions extends DotProductOptions {
  /** Numbers in a query and in a key. */
  readonly units: number;
  readonly bias?: boolean;
  /** No gradient passes through query, key and value to the maps before them. */
  readonly detached?: boolean;
}

/** x [N, C, H, W] → the same shape. */
export function mapAttention(net: Net, name: string, x: Value, options: MapAttentionOptions): Value {
  return net.layer(name, () => {
    const { units, bias = true, detached = false } = options;
    const [n, channels, height, width] = x.shape;
    const source = detached ? stopGradient(toFloat(x)) : toFloat(x);
    const maps = reshapeTo(source, [n * channels, height * width]);
    const project = (of: string) => reshapeTo(dense(net, of, maps, { units, bias }), [n, channels, units]);
    const tokens = reshapeTo(maps, [n, channels, height * width]);
    const mixed = dotProductAttention(project('query'), project('key'), tokens, options);
    return reshapeTo(mixed, [n, channels, height, width]);
  });
}
