/**
 * BIASNN of paper (b): MS-ResNet18 with a spiking attention after blocks 2, 4 and 6; LASNN: the same with plain LIF
 * neurons in the attention. That it stands there follows from the paper's counts of operations.
 */
import { msResnetSystem } from './ms-resnet18.ts';

export const biasnn = msResnetSystem({
  name: 'biasnn',
  title: 'BIASNN',
  summary: 'MS-ResNet18 with attention by adaptive spiking neurons',
  source: 'paper (b)',
  attention: 'alif-mask',
});

export const lasnn = msResnetSystem({
  name: 'lasnn',
  title: 'LASNN',
  summary: 'MS-ResNet18 with attention by plain spiking neurons',
  source: 'paper (b)',
  attention: 'lif-mask',
});
