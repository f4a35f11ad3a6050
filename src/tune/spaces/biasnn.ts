import { defineSpace } from '../space.ts';

export const biasnnSpace = defineSpace({
  title: 'BIASNN: the adaptive neurons of its attention',
  source: 'paper (b) gives none of these constants; the ranges are ours',
  system: 'biasnn',
  parameters: {
    reduction: { type: 'ordered', values: [4, 8, 16] },
    thresholdRule: { type: 'categorical', choices: ['base', 'cumulative'] },
    attentionTau: { type: 'float', low: 0.1, high: 0.95 },
    attentionThreshold: { type: 'float', low: 0.25, high: 2, scale: 'log' },
    adaptTau: { type: 'float', low: 1, high: 1000, scale: 'log' },
    adaptStep: { type: 'float', low: 0.1, high: 10, scale: 'log' },
  },
});
