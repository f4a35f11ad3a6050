/**
 * ResNet34 as paper (c) codes it: convolutions with bias, activation after the sum, and 3 + 4 + 6 + 3 blocks.
 *
 *   pad 3 → conv 7×7 /2 → BatchNorm → ReLU → max-pool 3×3 /2 → stages of 64, 128, 256, 512 → mean → dense K
 */
import { z } from 'zod';
import type { Value } from '../graph/value.ts';
import { convNorm } from '../nn/conv-norm.ts';
import { batchNorm, conv, dense, globalAvgPool } from '../nn/layers.ts';
import type { Net } from '../nn/net.ts';
import { add, relu } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { bloodSettings } from './blood-settings.ts';
import { defineSystem } from './system.ts';

/** relu(BN(conv(relu(BN(conv x)))) + x), where a first block of stride 2 passes x through conv 1×1 and BN. */
function block(net: Net, name: string, x: Value, filters: number, stride: number): Value {
  return net.layer(name, () => {
    const first = convNorm(net, 1, x, { filters, kernel: 3, stride });
    const y = batchNorm(net, 'bn2', conv(net, 'conv2', first, { filters, kernel: 3, padding: 'same' }));
    if (stride === 1) return relu(add(y, x));
    const shortcut = conv(net, 'shortcut', x, { filters, kernel: 1, stride });
    return relu(add(y, batchNorm(net, 'bn3', shortcut)));
  });
}

export const resnet34 = defineSystem({
  name: 'resnet34',
  title: 'ResNet34',
  summary: 'residual network of 16 blocks',
  source: 'paper (c), table 3',
  reported: '21.31M',
  framework: 'keras',
  size: 64,
  options: z.strictObject({}),
  training: bloodSettings('sgd'),
  build(net, { image, classes }) {
    let x = convNorm(net, 1, image, { filters: 64, kernel: 7, stride: 2, padding: 3 });
    x = maxPool2d(x, { kernel: 3, stride: 2, padding: 'same' });
    for (const [stage, blocks] of [3, 4, 6, 3].entries())
      for (let i = 0; i < blocks; i++)
        x = block(net, `block${stage + 1}_${i + 1}`, x, 64 << stage, stage > 0 && i === 0 ? 2 : 1);
    return dense(net, 'fc', globalAvgPool(x), { units: classes });
  },
});
