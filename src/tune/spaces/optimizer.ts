import { defineSpace } from '../space.ts';

export const optimizerSpace = defineSpace({
  title: 'how any system is trained: optimizer, learning rate, schedule, batch size',
  source: 'own',
  parameters: {
    'optimizer.kind': { type: 'categorical', choices: ['sgd', 'adam', 'adamw'] },
    'optimizer.momentum': { type: 'float', low: 0, high: 0.99, when: { 'optimizer.kind': 'sgd' } },
    'optimizer.weightDecay': {
      type: 'float',
      low: 1e-5,
      high: 1e-1,
      scale: 'log',
      when: { 'optimizer.kind': ['sgd', 'adamw'] },
    },
    lr: { type: 'float', low: 1e-5, high: 1e-1, scale: 'log' },
    'schedule.kind': { type: 'categorical', choices: ['constant', 'cosine'] },
    batchSize: { type: 'ordered', values: [16, 32, 64, 128] },
  },
});
