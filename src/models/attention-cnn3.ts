/**
 * Attention-CNN 3: paper (d), architecture 3, in which feature maps attend to feature maps.
 *
 *   4 × (conv → BatchNorm → ReLU → x ‖ attention(x)), a max-pool behind the second ReLU; the head as in the VisionNet
 *   CNN, on twice as many channels
 *
 * No gradient passes through the attention to the maps. As coded, the softmax runs over the queries, scores are not
 * divided by √d, and the first layer goes on with its bare convolution: what its BatchNorm makes is thrown away.
 */
import { z } from 'zod';
import { SOFTMAX_AXES } from '../nn/attention/dot-product-attention.ts';
import { mapAttention } from '../nn/attention/map-attention.ts';
import { concat } from '../ops/concat.ts';
import { defineSystem } from './system.ts';
import { visionNet, visionNorm, visionOptions, visionRatios, visionTraining } from './vision-net.ts';

const options = z.strictObject({
  ...visionOptions,
  units: z.int().positive().default(8).describe('numbers in a query and in a key'),
  softmaxAxis: z.enum(SOFTMAX_AXES).default('query').describe('query: as coded; key: the usual attention'),
  scaled: z.boolean().default(false).describe('scores are divided by √units, as usual; the code does not'),
  layer1Norm: z.boolean().default(false).describe('BatchNorm and ReLU in layer 1; off: as coded'),
  qkvBias: z.boolean().default(true).describe('query and key have a bias'),
});

export const attentionCnn3 = defineSystem({
  name: 'attention-cnn3',
  title: 'Attention-CNN 3',
  summary: 'CNN whose feature maps attend to each other',
  source: 'paper (d), architecture 3',
  framework: 'torch',
  size: 32,
  classes: 10,
  options,
  training: visionTraining,
  ratios: visionRatios,
  build(net, problem, o) {
    const attention = {
      units: o.units,
      softmaxAxis: o.softmaxAxis,
      scaled: o.scaled,
      bias: o.qkvBias,
      detached: true,
    };
    return visionNet(net, problem, o, (layer, maps) => {
      const normed = visionNorm(net, layer, maps);
      const x = layer.number === 1 && !o.layer1Norm ? maps : normed;
      return concat([x, mapAttention(net, `attention${layer.number}`, x, attention)], 1);
    });
  },
});
