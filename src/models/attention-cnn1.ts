/**
 * Attention-CNN 1: paper (d), architecture 1. Known from its figure and text alone; its code is not public.
 *
 *   4 × (conv → x + attention(x) → BatchNorm → ReLU), otherwise as the VisionNet CNN
 *
 * Query, key and value are the maps times a scalar each, the same three scalars in all layers; the softmax runs over
 * all C·H·W elements. An early note of the authors has one softmax a channel; the report has this one.
 */
import { z } from 'zod';
import { SOFTMAX_SCOPES, scalarAttention } from '../nn/attention/elementwise-attention.ts';
import { add } from '../ops/elementwise.ts';
import { defineSystem } from './system.ts';
import { visionNet, visionNorm, visionOptions, visionRatios, visionTraining } from './vision-net.ts';

const options = z.strictObject({
  ...visionOptions,
  softmaxScope: z
    .enum(SOFTMAX_SCOPES)
    .default('image')
    .describe('what the softmax runs over: an image, as described, or the whole batch, as in the code of 2'),
  qkvBias: z.boolean().default(true).describe('query, key and value have a bias; not given in the paper'),
});

export const attentionCnn1 = defineSystem({
  name: 'attention-cnn1',
  title: 'Attention-CNN 1',
  summary: 'CNN with one elementwise attention shared by all its layers',
  source: 'paper (d), architecture 1',
  framework: 'torch',
  size: 32,
  classes: 10,
  options,
  training: visionTraining,
  ratios: visionRatios,
  build(net, problem, o) {
    const { softmaxScope, qkvBias: bias } = o;
    const attend = scalarAttention(net, 'attention', { softmaxScope, bias, detached: true });
    return visionNet(net, problem, o, (layer, x) => visionNorm(net, layer, add(x, attend(x))));
  },
});
