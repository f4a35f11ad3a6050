/**
 * VGG16 without its top, as Keras has it. Simonyan and Zisserman 2015, configuration D; paper (d), baseline.
 *
 *   2 × conv 64 → max-pool → 2 × 128 → max-pool → 3 × 256 → max-pool → 3 × 512 → max-pool → 3 × 512 → max-pool
 *
 * All convolutions are 3×3 with a bias and a ReLU. With freeze=transfer the last one alone is trained: it and the
 * pool behind it are the last two layers.
 */
import { conv } from '../nn/layers.ts';
import { relu } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { imagenetHead, imagenetOptions, imagenetRatios, imagenetTraining, scaled } from './imagenet.ts';
import { defineSystem, type LayerAliases } from './system.ts';

const BLOCKS = [
  { convs: 2, filters: 64 },
  { convs: 2, filters: 128 },
  { convs: 3, filters: 256 },
  { convs: 3, filters: 512 },
  { convs: 3, filters: 512 },
];

/** torchvision numbers all layers of `features`, ReLUs and pools too. */
function torchvisionNames(): LayerAliases {
  let number = 0;
  const names = BLOCKS.flatMap(({ convs }, i) => {
    const block = Array.from({ length: convs }, (_, k) => [
      `block${i + 1}_conv${k + 1}`,
      [`features.${number + 2 * k}`],
    ]);
    number += 2 * convs + 1;
    return block;
  });
  return Object.fromEntries(names);
}

export const vgg16 = defineSystem({
  name: 'vgg16',
  title: 'VGG16',
  summary: 'ImageNet network of 13 convolutions, for transfer learning',
  source: 'paper (d), baseline; Simonyan and Zisserman 2015',
  framework: 'keras',
  size: 32,
  classes: 10,
  options: imagenetOptions,
  training: imagenetTraining,
  ratios: imagenetRatios,
  aliases: torchvisionNames(),
  build(net, { image, classes }, o) {
    let x = image;
    for (const [i, { convs, filters }] of BLOCKS.entries()) {
      for (let k = 1; k <= convs; k++) {
        const isLast = i === BLOCKS.length - 1 && k === convs;
        const layer = { filters: scaled(filters, o), kernel: 3, padding: 'same' } as const;
        const name = `block${i + 1}_conv${k}`;
        x = relu(net.frozen(o.freeze === 'transfer' && !isLast, () => conv(net, name, x, layer)));
      }
      x = maxPool2d(x, { kernel: 2 });
    }
    return imagenetHead(net, x, classes, o);
  },
});
