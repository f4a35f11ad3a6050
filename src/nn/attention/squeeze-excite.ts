/**
 * Squeeze-and-excitation: channels are weighted by what the whole map shows.
 * s = σ(W₂·ReLU(W₁·mean(x))), y = s·x. Hu, Shen and Sun 2018. With a time axis each step has its own s.
 */
import type { Value } from '../../graph/value.ts';
import { mul, relu, sigmoid } from '../../ops/elementwise.ts';
import { reshapeTo } from '../../ops/reduce.ts';
import { dense, globalAvgPool } from '../layers.ts';
import type { Net } from '../net.ts';
import { hiddenUnits } from './reduction.ts';

export interface SqueezeExciteOptions {
  /** r: the hidden layer has C/r units. */
  readonly reduction: number;
  /** Of both layers; default: true. */
  readonly bias?: boolean;
}

/** x [N, C, H, W] → the same shape. */
export function squeezeExcite(net: Net, name: string, x: Value, options: SqueezeExciteOptions): Value {
  return net.layer(name, () => {
    const { reduction, bias = true } = options;
    const [n, channels] = x.shape;
    const units = hiddenUnits(`squeezeExcite(${name})`, channels, reduction);
    const squeezed = globalAvgPool(x);
    const hidden = relu(dense(net, 'squeeze', squeezed, { units, bias }));
    const scale = sigmoid(dense(net, 'excite', hidden, { units: channels, bias }));
    return mul(x, reshapeTo(scale, [n, channels, 1, 1]));
  });
}
