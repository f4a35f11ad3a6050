/**
 * The VGG-like networks of paper (c): stages of (conv 3×3 → BatchNorm → ReLU), a max-pool after each.
 *
 * Without attention: VGG of table 3, and VGG-8, 12, 15 and 18 with two hidden dense layers. With attention after each
 * pool: SE-, SA- and CBAM-VGG15, whose fourth stage has two convolutions where VGG-15's has three.
 */
import { z } from 'zod';
import type { Value } from '../graph/value.ts';
import { convNorm } from '../nn/conv-norm.ts';
import { dense, dropout } from '../nn/layers.ts';
import type { Net } from '../nn/net.ts';
import { relu } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { flatten } from '../ops/reduce.ts';
import { type AttentionVariant, attentionSystem } from './attention-cnn.ts';
import { bloodSettings } from './blood-settings.ts';
import { defineSystem } from './system.ts';

/** Filters and convolutions of each stage. */
type Stages = readonly (readonly [filters: number, convolutions: number])[];

/** x [N, C, H, W] → [N, filters of the last stage, H/2^stages, W/2^stages]. */
function trunk(net: Net, x: Value, stages: Stages, attend: (x: Value, stage: number) => Value): Value {
  let y = x;
  for (const [stage, [filters, convolutions]] of stages.entries()) {
    for (let i = 0; i < convolutions; i++)
      y = convNorm(net, `${stage + 1}_${i + 1}`, y, { filters, kernel: 3 });
    y = attend(maxPool2d(y, { kernel: 2 }), stage + 1);
  }
  return y;
}

function plain(name: string, title: string, stages: Stages, hidden: readonly number[]) {
  const layers = stages.reduce((sum, [, convolutions]) => sum + convolutions, 0);
  return defineSystem({
    name,
    title,
    summary: `${layers} convolutions with BatchNorm${hidden.length > 0 ? ', two hidden dense layers' : ''}`,
    source: hidden.length > 0 ? 'paper (c), VGG variants' : 'paper (c), table 3',
    ...(hidden.length > 0 ? {} : { reported: '1.21M' }),
    framework: 'keras',
    size: 64,
    options: z.strictObject({
      dropout: z
        .number()
        .min(0)
        .lt(1)
        .default(hidden.length > 0 ? 0.2 : 0),
    }),
    training: bloodSettings('sgd'),
    build(net, { image, classes }, o) {
      let x = flatten(trunk(net, image, stages, (y) => y));
      for (const [i, units] of hidden.entries())
        x = dropout(net, relu(dense(net, `fc${i + 1}`, x, { units })), o.dropout);
      return dense(net, 'fc', x, { units: classes });
    },
  });
}

const TO_128: Stages = [
  [32, 2],
  [64, 2],
  [128, 2],
];
const HIDDEN = [512, 256];
export const vgg = plain('vgg', 'VGG', [...TO_128, [256, 2]], []);
export const vgg8 = plain('vgg8', 'VGG-8', TO_128, HIDDEN);
export const vgg12 = plain('vgg12', 'VGG-12', [...TO_128, [256, 3]], HIDDEN);
export const vgg15 = plain('vgg15', 'VGG-15', [...TO_128, [256, 3], [512, 3]], HIDDEN);
export const vgg18 = plain('vgg18', 'VGG-18', [...TO_128, [256, 3], [512, 3], [512, 3]], HIDDEN);

const attentive = (variant: AttentionVariant) =>
  attentionSystem(variant, 'VGG with', (net, image, attend) =>
    trunk(net, image, [...TO_128, [256, 2], [512, 3]], attend),
  );

export const seVgg15 = attentive({
  name: 'se-vgg15',
  title: 'SE-VGG15',
  attention: 'channel',
  what: 'channel',
  reported: '7.27M',
});
export const saVgg15 = attentive({
  name: 'sa-vgg15',
  title: 'SA-VGG15',
  attention: 'spatial',
  what: 'spatial',
  reported: '7.10M',
});
export const cbamVgg15 = attentive({
  name: 'cbam-vgg15',
  title: 'CBAM-VGG15',
  attention: 'cbam',
  what: 'channel and spatial',
  reported: '7.27M',
});
