import { defineSpace } from '../space.ts';

export const neurallnetSpace = defineSpace({
  title: 'NeurALLNet: optimizers and learning rates',
  source: 'own: paper (e) does not say how it trained',
  system: 'neurallnet',
  parameters: {
    'optimizer.kind': { type: 'categorical', choices: ['sgd', 'adam', 'adamw'] },
    'optimizer.momentum': { type: 'ordered', values: [0, 0.9, 0.99], when: { 'optimizer.kind': 'sgd' } },
    'optimizer.weightDecay': {
      type: 'float',
      low: 1e-4,
      high: 1e-1,
      scale: 'log',
      when: { 'optimizer.kind': 'adamw' },
    },
    lr: { type: 'float', low: 1e-4, high: 1e-1, scale: 'log' },
  },
});
