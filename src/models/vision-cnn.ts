/**
 * VisionNet CNN: the network without attention that paper (d) compares with ("traditional CNN").
 *
 *   4 × (conv → BatchNorm → ReLU), a max-pool behind the second → 7×7 means → dropout → 512 → 256 → K
 */
import { z } from 'zod';
import { defineSystem } from './system.ts';
import { visionNet, visionOptions, visionRatios, visionTraining } from './vision-net.ts';

export const visionCnn = defineSystem({
  name: 'vision-cnn',
  title: 'VisionNet CNN',
  summary: 'CNN that the attention networks of VisionNet are compared with',
  source: 'paper (d), traditional CNN',
  framework: 'torch',
  size: 32,
  classes: 10,
  options: z.strictObject(visionOptions),
  training: visionTraining,
  ratios: visionRatios,
  build: (net, problem, o) => visionNet(net, problem, o),
});
