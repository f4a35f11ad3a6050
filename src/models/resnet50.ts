/**
 * ResNet50 without its top, as Keras has it. He et al. 2016, the first version; paper (d), baseline.
 *
 *   conv 64 (7×7, stride 2) → BatchNorm → ReLU → max-pool (3×3, stride 2) → 3, 4, 6, 3 blocks of 64, 128, 256, 512
 *   block: ReLU(x + (conv 1×1 → BatchNorm → ReLU → conv 3×3 → BatchNorm → ReLU → conv 1×1 of 4 times as many →
 *          BatchNorm)(x)); the first of a stage has a convolution with BatchNorm in its shortcut, and the stride
 *
 * Convolutions have biases, the stride is in the first one, and BatchNorm's ε is 1.001e-5: so in Keras, and not in
 * torchvision. With freeze=transfer nothing but the head is trained: the last two layers, a sum and a ReLU, have no
 * parameters.
 */
import type { Value } from '../graph/value.ts';
import { batchNorm, conv } from '../nn/layers.ts';
import type { Net } from '../nn/net.ts';
import { add, relu } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { imagenetHead, imagenetOptions, imagenetRatios, imagenetTraining, scaled } from './imagenet.ts';
import { defineSystem } from './system.ts';

const STAGES = [
  { blocks: 3, filters: 64, stride: 1 },
  { blocks: 4, filters: 128, stride: 2 },
  { blocks: 6, filters: 256, stride: 2 },
  { blocks: 3, filters: 512, stride: 2 },
];

const EPS = 1.001e-5;

interface ConvOptions {
  readonly filters: number;
  readonly kernel: number;
  readonly stride?: number;
}

function convNorm(net: Net, name: string, x: Value, options: ConvOptions): Value {
  return batchNorm(net, `${name}_bn`, conv(net, `${name}_conv`, x, { ...options, padding: 'same' }), {
    eps: EPS,
  });
}

/** @param stride of a stage's first block; 0 for the others, whose shortcut is x itself */
function block(net: Net, name: string, x: Value, filters: number, stride: number): Value {
  const past = stride > 0 ? convNorm(net, `${name}_0`, x, { filters: 4 * filters, kernel: 1, stride }) : x;
  let y = relu(convNorm(net, `${name}_1`, x, { filters, kernel: 1, stride: Math.max(1, stride) }));
  y = relu(convNorm(net, `${name}_2`, y, { filters, kernel: 3 }));
  return relu(add(past, convNorm(net, `${name}_3`, y, { filters: 4 * filters, kernel: 1 })));
}

export const resnet50 = defineSystem({
  name: 'resnet50',
  title: 'ResNet50',
  summary: 'ImageNet network of residual bottlenecks, for transfer learning',
  source: 'paper (d), baseline; He et al. 2016',
  framework: 'keras',
  size: 32,
  classes: 10,
  options: imagenetOptions,
  training: imagenetTraining,
  ratios: imagenetRatios,
  build(net, { image, classes }, o) {
    const features = net.frozen(o.freeze === 'transfer', () => {
      const stem = conv(net, 'conv1_conv', image, {
        filters: scaled(64, o),
        kernel: 7,
        stride: 2,
        padding: 3,
      });
      let x = relu(batchNorm(net, 'conv1_bn', stem, { eps: EPS }));
      x = maxPool2d(x, { kernel: 3, stride: 2, padding: [1, 1, 1, 1] });
      for (const [i, { blocks, filters, stride }] of STAGES.entries())
        for (let k = 1; k <= blocks; k++)
          x = block(net, `conv${i + 2}_block${k}`, x, scaled(filters, o), k === 1 ? stride : 0);
      return x;
    });
    return imagenetHead(net, features, classes, o);
  },
});
