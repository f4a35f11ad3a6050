/**
 * Channel attention: channels are weighted by the mean and the maximum of their maps,
 * s = σ(M₁(mean(x)) + M₂(max(x))), y = s·x, with M(v) = W₂·ReLU(W₁·v) and no biases.
 *
 * Woo et al. 2018 (CBAM) use one M for both. The code of paper (c) calls the block squeeze-and-excitation and
 * gives mean and maximum an M each; only that makes its parameter counts. With a time axis each step has its
 * own s.
 */
import type { Value } from '../../graph/value.ts';
import { linear } from '../../ops/dense.ts';
import { add, mul, relu, sigmoid } from '../../ops/elementwise.ts';
import { reshapeTo } from '../../ops/reduce.ts';
import { globalAvgPool, globalMaxPool } from '../layers.ts';
import type { Net } from '../net.ts';
import { hiddenUnits } from './reduction.ts';

export interface ChannelAttentionOptions {
  /** r: the hidden layers have C/r units. */
  readonly reduction: number;
  /** One M for mean and maximum, as in CBAM, instead of one each. */
  readonly shared?: boolean;
}

/** x [N, C, H, W] → the same shape. */
export function channelAttention(net: Net, name: string, x: Value, options: ChannelAttentionOptions): Value {
  return net.layer(name, () => {
    const [n, channels] = x.shape;
    const hidden = hiddenUnits(`channelAttention(${name})`, channels, options.reduction);
    const makeMlp = (of: string) => {
      const weight = (layer: string, shape: readonly number[]) =>
        net.layer(of, () => net.layer(layer, () => net.parameter('weight', shape, net.framework.kernel)));
      const squeeze = weight('squeeze', [hidden, channels]);
      const excite = weight('excite', [channels, hidden]);
      return (v: Value) => linear(relu(linear(v, squeeze, null)), excite, null);
    };
    const ofMean = makeMlp(options.shared ? 'both' : 'mean');
    const ofMax = options.shared ? ofMean : makeMlp('max');
    const scale = sigmoid(add(ofMean(globalAvgPool(x)), ofMax(globalMaxPool(x))));
    return mul(x, reshapeTo(scale, [n, channels, 1, 1]));
  });
}
