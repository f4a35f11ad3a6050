/**
 * Attention-CNN 2: paper (d), architecture 2 ("single-headed").
 *
 *   4 × (conv → x + attention(x) → BatchNorm → ReLU), otherwise as the VisionNet CNN
 *
 * Query, key and value are 1×1 convolutions C → 1 of the layer's maps, through which no gradient passes; the result,
 * one number a position, is added to all channels. As coded the softmax runs over the whole batch, so that what is
 * added is about 1e-5 of the signal and the network is the CNN in all but name.
 */
import { z } from 'zod';
import { positionAttention, SOFTMAX_SCOPES } from '../nn/attention/elementwise-attention.ts';
import { add } from '../ops/elementwise.ts';
import { defineSystem } from './system.ts';
import { visionNet, visionNorm, visionOptions, visionRatios, visionTraining } from './vision-net.ts';

const options = z.strictObject({
  ...visionOptions,
  softmaxScope: z
    .enum(SOFTMAX_SCOPES)
    .default('image')
    .describe('what the softmax runs over: an image, as described, or the whole batch, as coded'),
  qkvBias: z.boolean().default(true).describe('query, key and value have a bias'),
});

export const attentionCnn2 = defineSystem({
  name: 'attention-cnn2',
  title: 'Attention-CNN 2',
  summary: 'CNN with an elementwise attention over positions in each layer',
  source: 'paper (d), architecture 2',
  framework: 'torch',
  size: 32,
  classes: 10,
  options,
  training: visionTraining,
  ratios: visionRatios,
  build(net, problem, o) {
    const attention = { softmaxScope: o.softmaxScope, bias: o.qkvBias, detached: true };
    return visionNet(net, problem, o, (layer, x) =>
      visionNorm(net, layer, add(x, positionAttention(net, `attention${layer.number}`, x, attention))),
    );
  },
});
