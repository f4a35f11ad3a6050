/**
 * SCNN: the spiking convolutional network of paper (a), table 1.
 *
 *   image → conv 64 → ReLU → max-pool → LIF → conv 128 → ReLU → max-pool → LIF → dense K → LIF → counts
 *
 * The option `attention`, which the paper does not have, weighs the current that goes into the first two LIF layers.
 *
 * The same image is presented at every step, so the first convolution is computed once. Output spikes are
 * counted over T steps, and the counts are the logits of a cross-entropy (snnTorch's `ce_count_loss`).
 */
import { z } from 'zod';
import type { Value } from '../graph/value.ts';
import { RESETS } from '../neurons/neuron.ts';
import { SURROGATES, surrogate } from '../neurons/surrogate.ts';
import { SPIKING_ATTENTION, SPIKING_ATTENTION_NAMES } from '../nn/attention/spiking-table.ts';
import { conv, dense } from '../nn/layers.ts';
import { ENCODINGS, encode } from '../nn/spiking/encode.ts';
import { type LifOptions, lif } from '../nn/spiking/lif.ts';
import { READOUTS, readOut } from '../nn/spiking/readout.ts';
import { relu } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { flatten } from '../ops/reduce.ts';
import { settings } from './settings.ts';
import { defineSystem } from './system.ts';

const options = z.strictObject({
  T: z.int().positive().default(10).describe('time steps'),
  beta: z.number().min(0).max(1).default(0.9).describe('decay of the membrane; not given in the paper'),
  threshold: z.number().positive().default(1),
  learnBeta: z.boolean().default(true),
  learnThreshold: z.boolean().default(true),
  reset: z.enum(RESETS).default('subtract'),
  surrogate: z.enum(SURROGATES).default('fastSigmoid'),
  slope: z.number().positive().default(25).describe('k of fastSigmoid, α of arctan, width of the others'),
  encoding: z.enum(ENCODINGS).default('direct'),
  readout: z.enum(READOUTS).default('count'),
  handover: z
    .enum(['spikes', 'membrane'])
    .default('spikes')
    .describe('what a LIF layer passes on: the description says spikes, a caption membrane states'),
  attention: z
    .enum(SPIKING_ATTENTION_NAMES)
    .default('none')
    .describe('of the currents into the first two LIF layers; not in the paper'),
  reduction: z.int().positive().default(8).describe('r: hidden units of the attention are C/r'),
});

export const scnn = defineSystem({
  name: 'scnn',
  title: 'SCNN',
  summary: 'spiking convolutional network, read out by spike counts',
  source: 'paper (a), table 1',
  reported: '1.2 MB',
  framework: 'torch',
  size: 64,
  options,
  training: settings({
    optimizer: { kind: 'adam' },
    lr: 1e-4,
    batchSize: 64,
    epochs: 50,
    earlyStopping: { monitor: 'val_loss', patience: 10 },
  }),
  build(net, { image, classes }, o) {
    const neuron: LifOptions = {
      steps: o.T,
      beta: o.beta,
      threshold: o.threshold,
      reset: o.reset,
      surrogate: surrogate(o.surrogate, o.slope),
      learnBeta: o.learnBeta,
      learnThreshold: o.learnThreshold,
    };
    const attend = SPIKING_ATTENTION[o.attention];
    const spiking = (stage: number, current: Value) => {
      const weighed = attend(net, `attention${stage}`, current, { steps: o.T, reduction: o.reduction });
      const { spikes, membrane } = lif(net, `lif${stage}`, weighed, neuron);
      return o.handover === 'spikes' ? spikes : membrane;
    };
    let x = encode(net, image, o.encoding, o.T);
    x = maxPool2d(relu(conv(net, 'conv1', x, { filters: 64, kernel: 3, padding: 1 })), { kernel: 2 });
    x = spiking(1, x);
    x = maxPool2d(relu(conv(net, 'conv2', x, { filters: 128, kernel: 3, padding: 1 })), { kernel: 2 });
    x = spiking(2, x);
    x = dense(net, 'fc', flatten(x), { units: classes });
    return readOut(lif(net, 'lif3', x, neuron).spikes, o.readout);
  },
});
