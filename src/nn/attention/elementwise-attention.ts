/**
 * Elementwise attention of paper (d): y = softmax(q ⊙ k) ⊙ v. There is no dot product and no 1/√d: each position has
 * a score of its own, and all scores of an image compete. In the paper's code those of the whole batch do, which
 * makes each weight about 1/(N·H·W) and an image's answer depend on the others.
 */

import { stopGradient } from '../../graph/graph.ts';
import type { Value } from '../../graph/value.ts';
import { add, mul, toFloat } from '../../ops/elementwise.ts';
import { softmax } from '../../ops/softmax.ts';
import { conv } from '../layers.ts';
import type { Net } from '../net.ts';

/** What competes: the scores of each image, or those of the batch. */
export const SOFTMAX_SCOPES = ['image', 'batch'] as const;

export interface ElementwiseAttentionOptions {
  readonly softmaxScope?: (typeof SOFTMAX_SCOPES)[number];
  /** Query, key and value are offset by a learnt bias. */
  readonly bias?: boolean;
  /** No gradient passes through query, key and value to the maps before them. */
  readonly detached?: boolean;
}

/** softmax(q ⊙ k) ⊙ v for maps of one shape [N, …]. */
export function elementwiseAttention(
  q: Value,
  k: Value,
  v: Value,
  { softmaxScope = 'image' }: ElementwiseAttentionOptions = {},
): Value {
  const axes = q.shape.map((_, axis) => axis).slice(softmaxScope === 'batch' ? 0 : 1);
  return mul(softmax(mul(q, k), { axes }), v);
}

/** One number a position: query, key and value are 1×1 convolutions C → 1. x [N, C, H, W] → [N, 1, H, W]. */
export function positionAttention(
  net: Net,
  name: string,
  x: Value,
  options: ElementwiseAttentionOptions = {},
): Value {
  return net.layer(name, () => {
    const { bias = true, detached = false } = options;
    const source = detached ? stopGradient(toFloat(x)) : toFloat(x);
    const project = (of: string) => conv(net, of, source, { filters: 1, kernel: 1, bias });
    return elementwiseAttention(project('query'), project('key'), project('value'), options);
  });
}

/**
 * One number an element: query, key and value are x times a learnt scalar (a 1×1×1 convolution of the volume).
 * @returns a function to apply wherever the same three scalars are to be used: x [N, C, H, W] → the same shape
 */
export function scalarAttention(
  net: Net,
  name: string,
  options: ElementwiseAttentionOptions = {},
): (x: Value) => Value {
  const { bias = true, detached = false } = options;
  const projection = (of: string) =>
    net.layer(name, () =>
      net.layer(of, () => {
        const weight = net.parameter('weight', [1, 1], net.framework.kernel);
        const offset = bias ? net.parameter('bias', [1], net.framework.bias(1)) : null;
        return (x: Value) => (offset ? add(mul(x, weight), offset) : mul(x, weight));
      }),
    );
  const [query, key, value] = [projection('query'), projection('key'), projection('value')];
  return (x) => {
    const source = detached ? stopGradient(toFloat(x)) : toFloat(x);
    return elementwiseAttention(query(source), key(source), value(source), options);
  };
}
