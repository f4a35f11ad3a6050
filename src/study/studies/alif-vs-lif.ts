import { defineStudy } from '../study.ts';
import { FASHION, fashionArm } from './fashion.ts';

export const alifVsLif = defineStudy({
  name: 'alif-vs-lif',
  title: 'Adaptive against plain neurons',
  question:
    'Is it the adaptation of its neurons that makes the attention of BIASNN work, or would plain LIF neurons (LASNN) do?',
  source: 'paper (b), which compares LASNN and BIASNN on CIFAR-10; at a quarter of the published width',
  data: { fashion: FASHION },
  seeds: [0, 1, 2],
  arms: [
    fashionArm('biasnn', 'BIASNN', 'biasnn'),
    fashionArm('lasnn', 'LASNN', 'lasnn'),
    fashionArm('backbone', 'MS-ResNet18', 'ms-resnet18'),
  ],
  pairs: [
    ['biasnn', 'lasnn'],
    ['biasnn', 'backbone'],
    ['lasnn', 'backbone'],
  ],
});
