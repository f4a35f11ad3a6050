/**
 * Xception without its top, as Keras has it. Chollet 2017; paper (d), baseline.
 *
 *   conv 32 (stride 2) → conv 64 → entry blocks of 128, 256, 728 → 8 middle blocks of 728 → exit block of 1024 →
 *   separable 1536 → separable 2048, each convolution with BatchNorm and ReLU
 *   entry and exit: x' + max-pool(separable → ReLU → separable), x' = conv 1×1 (stride 2); middle: x + 3 separable
 *
 * Separable: a 3×3 convolution of each channel, then a 1×1 one over channels, no biases. With freeze=transfer the
 * last BatchNorm alone is trained: it and its ReLU are the last two layers.
 */
import type { Value } from '../graph/value.ts';
import { batchNorm, conv } from '../nn/layers.ts';
import type { Net } from '../nn/net.ts';
import { add, relu } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { imagenetHead, imagenetOptions, imagenetRatios, imagenetTraining, scaled } from './imagenet.ts';
import { defineSystem, type LayerAliases } from './system.ts';

const MIDDLE_BLOCKS = 8;

function separable(net: Net, name: string, x: Value, filters: number): Value {
  return net.layer(name, () => {
    const channels = x.shape[1];
    const each = { filters: channels, kernel: 3, padding: 'same', groups: channels, bias: false } as const;
    return conv(net, 'pointwise', conv(net, 'depthwise', x, each), { filters, kernel: 1, bias: false });
  });
}

/** Separable convolution → BatchNorm. */
function separableNorm(net: Net, name: string, x: Value, filters: number): Value {
  return batchNorm(net, `${name}_bn`, separable(net, name, x, filters));
}

/** Two separable convolutions, a pool, and a convolution past them. @param rectified whether x is behind a ReLU */
function shrinking(
  net: Net,
  name: string,
  x: Value,
  filters: readonly [number, number],
  rectified = false,
): Value {
  const shortcut = { filters: filters[1], kernel: 1, stride: 2, padding: 'same', bias: false } as const;
  const past = batchNorm(net, `${name}_shortcut_bn`, conv(net, `${name}_shortcut`, x, shortcut));
  let y = separableNorm(net, `${name}_sepconv1`, rectified ? x : relu(x), filters[0]);
  y = separableNorm(net, `${name}_sepconv2`, relu(y), filters[1]);
  return add(maxPool2d(y, { kernel: 3, stride: 2, padding: 'same' }), past);
}

function middle(net: Net, name: string, x: Value): Value {
  let y = x;
  for (let k = 1; k <= 3; k++) y = separableNorm(net, `${name}_sepconv${k}`, relu(y), x.shape[1]);
  return add(y, x);
}

/** Keras has no names of their own for the convolutions in shortcuts: it numbers them. */
const NUMBERED: LayerAliases = Object.fromEntries(
  [2, 3, 4, 13].flatMap((block, i) => {
    const numbered = (name: string) => [i === 0 ? name : `${name}_${i}`];
    return [
      [`block${block}_shortcut`, numbered('conv2d')],
      [`block${block}_shortcut_bn`, numbered('batch_normalization')],
    ];
  }),
);

export const xception = defineSystem({
  name: 'xception',
  title: 'Xception',
  summary: 'ImageNet network of separable convolutions, for transfer learning',
  source: 'paper (d), baseline; Chollet 2017',
  framework: 'keras',
  size: 71,
  classes: 10,
  options: imagenetOptions,
  training: imagenetTraining,
  ratios: imagenetRatios,
  aliases: NUMBERED,
  build(net, { image, classes }, o) {
    const last = scaled(2048, o);
    const features = net.frozen(o.freeze === 'transfer', () => {
      const filters = (n: number) => scaled(n, o);
      let x = conv(net, 'block1_conv1', image, { filters: filters(32), kernel: 3, stride: 2, bias: false });
      x = relu(batchNorm(net, 'block1_conv1_bn', x));
      x = conv(net, 'block1_conv2', x, { filters: filters(64), kernel: 3, bias: false });
      x = relu(batchNorm(net, 'block1_conv2_bn', x));
      x = shrinking(net, 'block2', x, [filters(128), filters(128)], true);
      x = shrinking(net, 'block3', x, [filters(256), filters(256)]);
      x = shrinking(net, 'block4', x, [filters(728), filters(728)]);
      for (let i = 0; i < MIDDLE_BLOCKS; i++) x = middle(net, `block${i + 5}`, x);
      x = shrinking(net, 'block13', x, [filters(728), filters(1024)]);
      x = relu(separableNorm(net, 'block14_sepconv1', x, filters(1536)));
      return separable(net, 'block14_sepconv2', x, last);
    });
    return imagenetHead(net, relu(batchNorm(net, 'block14_sepconv2_bn', features)), classes, o);
  },
});
