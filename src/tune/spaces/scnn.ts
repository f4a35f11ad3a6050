import { defineSpace } from '../space.ts';

export const scnnSpace = defineSpace({
  title: 'SCNN: learning rate, batch size, time steps and decay of the membrane',
  source: 'paper (a) searched over the first three; the values are ours, and β, which it does not give',
  system: 'scnn',
  parameters: {
    lr: { type: 'ordered', values: [1e-4, 5e-4, 1e-3] },
    batchSize: { type: 'ordered', values: [32, 64, 128] },
    T: { type: 'ordered', values: [5, 10, 15, 25] },
    beta: { type: 'ordered', values: [0.5, 0.9, 0.95] },
  },
});
