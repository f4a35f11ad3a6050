/**
 * A stand-in for NeurALLNet of paper (e), whose layers are not public: what is known of it (a convolutional spiking network
 * with channel attention across time steps, about 0.3 million parameters, 1.35 MB) at the size of its parameter budget.
 *
 *   3 × (conv 3×3 → BatchNorm → LIF → attention → max-pool) of 16, 128, 256 → mean → dense K → LIF → counts
 *
 * Attention sees the spikes of each step and weighs their channels anew in each; what goes on is no longer binary.
 */
import { z } from 'zod';
import { SURROGATES, surrogate } from '../neurons/surrogate.ts';
import { SPIKING_ATTENTION, SPIKING_ATTENTION_NAMES } from '../nn/attention/spiking-table.ts';
import { batchNorm, conv, dense, globalAvgPool } from '../nn/layers.ts';
import { type LifOptions, lif } from '../nn/spiking/lif.ts';
import { READOUTS, readOut } from '../nn/spiking/readout.ts';
import { maxPool2d } from '../ops/pool.ts';
import { settings } from './settings.ts';
import { defineSystem } from './system.ts';

const options = z.strictObject({
  T: z.int().positive().default(10).describe('time steps'),
  beta: z.number().min(0).max(1).default(0.9).describe('decay of the membrane'),
  threshold: z.number().positive().default(1),
  surrogate: z.enum(SURROGATES).default('fastSigmoid'),
  slope: z.number().positive().default(25).describe('k of fastSigmoid, α of arctan, width of the others'),
  attention: z
    .enum(SPIKING_ATTENTION_NAMES)
    .default('squeeze-excite')
    .describe('none: the ablation of the paper'),
  reduction: z.int().positive().default(8).describe('r: hidden units of the attention are C/r'),
  readout: z.enum(READOUTS).default('count'),
});

export const neurallnet = defineSystem({
  name: 'neurallnet',
  title: 'NeurALLNet (stand-in)',
  summary: 'spiking CNN with BatchNorm and squeeze-and-excitation in every time step',
  source: 'paper (e); layers are our own',
  reported: '0.3M, 1.35 MB',
  framework: 'torch',
  size: 96,
  classes: 4,
  ratios: { train: 0.8, val: 0.1, test: 0.1 },
  options,
  training: settings({
    optimizer: { kind: 'adam' },
    lr: 1e-3,
    // At a constant rate BatchNorm's running statistics lag so far behind the weights that validation swings by tens of
    // points from epoch to epoch.
    schedule: { kind: 'cosine' },
    batchSize: 32,
    epochs: 50,
  }),
  build(net, { image, classes }, o) {
    const neuron: LifOptions = {
      steps: o.T,
      beta: o.beta,
      threshold: o.threshold,
      surrogate: surrogate(o.surrogate, o.slope),
    };
    const attend = SPIKING_ATTENTION[o.attention];
    let x = image;
    for (const [i, filters] of [16, 128, 256].entries()) {
      x = batchNorm(net, `bn${i + 1}`, conv(net, `conv${i + 1}`, x, { filters, kernel: 3, padding: 1 }));
      x = lif(net, `lif${i + 1}`, x, neuron).spikes;
      x = attend(net, `attention${i + 1}`, x, { steps: o.T, reduction: o.reduction });
      x = maxPool2d(x, { kernel: 2 });
    }
    x = dense(net, 'fc', globalAvgPool(x), { units: classes });
    return readOut(lif(net, 'lif4', x, neuron).spikes, o.readout);
  },
});
