import { defineSpace } from '../space.ts';

export const spikingSpace = defineSpace({
  title: 'spiking networks: neurons, surrogate and learning rate',
  source: 'own; for systems with T, beta, threshold, surrogate and slope',
  parameters: {
    lr: { type: 'float', low: 1e-4, high: 1e-2, scale: 'log' },
    T: { type: 'int', low: 2, high: 12 },
    beta: { type: 'float', low: 0.3, high: 0.99 },
    threshold: { type: 'float', low: 0.25, high: 1.5 },
    surrogate: { type: 'categorical', choices: ['fastSigmoid', 'arctan'] },
    slope: { type: 'float', low: 1, high: 50, scale: 'log' },
  },
});
