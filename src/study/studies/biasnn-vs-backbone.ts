import { defineStudy } from '../study.ts';
import { FASHION, fashionArm } from './fashion.ts';

/** Steps that the networks of the published width run. */
const STEPS = 100;

function fullWidth(name: string, title: string, system: 'ms-resnet18' | 'biasnn' | 'lasnn') {
  const set = { normalization: 'fashion-mnist' };
  return { name, title: `${title}, published width`, system, data: 'fashion', size: 28, set, steps: STEPS };
}

export const biasnnVsBackbone = defineStudy({
  name: 'biasnn-vs-backbone',
  title: 'BIASNN against its backbone',
  question:
    'Does the spiking attention of BIASNN make MS-ResNet18 more accurate, for which r and by which rule of the threshold? At a quarter of the published width; the published width runs a number of steps.',
  source: 'paper (b); r is not given there, and its printed threshold rule contradicts its text',
  data: { fashion: FASHION },
  arms: [
    fashionArm('backbone', 'MS-ResNet18', 'ms-resnet18'),
    fashionArm('biasnn-r16', 'BIASNN, r = 16', 'biasnn', { reduction: 16 }),
    fashionArm('biasnn-r8', 'BIASNN, r = 8', 'biasnn', { reduction: 8 }),
    fashionArm('biasnn-r4', 'BIASNN, r = 4', 'biasnn', { reduction: 4 }),
    fashionArm('biasnn-cumulative', 'BIASNN, r = 16, cumulative threshold', 'biasnn', {
      reduction: 16,
      thresholdRule: 'cumulative',
    }),
    fullWidth('backbone-full', 'MS-ResNet18', 'ms-resnet18'),
    fullWidth('biasnn-full', 'BIASNN', 'biasnn'),
    fullWidth('lasnn-full', 'LASNN', 'lasnn'),
  ],
  pairs: [
    ['biasnn-r16', 'backbone'],
    ['biasnn-r8', 'backbone'],
    ['biasnn-r4', 'backbone'],
    ['biasnn-cumulative', 'backbone'],
    ['biasnn-cumulative', 'biasnn-r16'],
  ],
});
