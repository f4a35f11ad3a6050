import { defineSpace } from '../space.ts';

export const aeCnnSpace = defineSpace({
  title: 'AE-CNN: dropout, dense units and learning rate',
  source: 'paper (a) searched over these three; the values are ours, around its choice',
  system: 'ae-cnn',
  parameters: {
    lr: { type: 'ordered', values: [1e-4, 1e-3, 1e-2] },
    units: { type: 'ordered', values: [64, 128, 256] },
    dropout: { type: 'ordered', values: [0.2, 0.3, 0.4, 0.5] },
  },
});
