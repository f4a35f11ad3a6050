/**
 * A small spiking residual network with attention, our own: what the papers ask for as future work, made to be trained
 * on a CPU.
 *
 *   image → conv 3×3 of w → max-pool → BatchNorm → 3 stages of 2w, 3w, 4w → neurons → mean over map and time → dense K
 *   block: x + attention((neurons → conv 3×3 → BatchNorm → neurons → conv 3×3 → BatchNorm)(x))
 *
 * Shortcuts carry membrane current (MS-ResNet, Hu et al. 2021), and attention weighs the current of the branch before
 * it joins them (Yao et al. 2023): all 3×3 convolutions but the first read spikes. The first block of a stage has stride 2
 * and a 1×1 convolution with BatchNorm on its shortcut. The stem does not depend on time and is computed once; no layer
 * has time at more than a quarter of the pixels.
 *
 * `neuron=relu` is its dense twin: the same layers and parameters with ReLU for neurons, and no time.
 */
import { z } from 'zod';
import type { Value } from '../graph/value.ts';
import { SURROGATES, surrogate } from '../neurons/surrogate.ts';
import { SPIKING_ATTENTION, SPIKING_ATTENTION_NAMES } from '../nn/attention/spiking-table.ts';
import { batchNorm, conv, dense, dropout } from '../nn/layers.ts';
import type { Net } from '../nn/net.ts';
import { lif } from '../nn/spiking/lif.ts';
import { add, relu } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { reduceMean } from '../ops/reduce.ts';
import { settings } from './settings.ts';
import { defineSystem } from './system.ts';

const options = z.strictObject({
  width: z.int().positive().default(32).describe('w: channels of the stem; the stages have 2w, 3w and 4w'),
  depth: z.int().positive().default(1).describe('blocks of a stage'),
  T: z.int().positive().default(4).describe('time steps'),
  attention: z.enum(SPIKING_ATTENTION_NAMES).default('squeeze-excite'),
  reduction: z.int().positive().default(8).describe('r: hidden units of the attention are C/r'),
  neuron: z.enum(['lif', 'relu']).default('lif').describe('relu: the dense twin, without time'),
  beta: z.number().min(0).max(1).default(0.5).describe('decay of the membrane'),
  threshold: z.number().positive().default(1),
  surrogate: z.enum(SURROGATES).default('triangle'),
  slope: z.number().positive().default(1).describe('width of rectangle and triangle, k or α of the others'),
  dropout: z.number().min(0).lt(1).default(0).describe('before the last layer'),
});

type Options = z.output<typeof options>;

/** What a layer of neurons passes on: spikes, or in the dense twin the current where it is positive. */
function activate(net: Net, name: string, current: Value, o: Options): Value {
  if (o.neuron === 'relu') return relu(current);
  const { T: steps, beta, threshold } = o;
  const neuron = { steps, beta, threshold, reset: 'zero', resetDelay: false } as const;
  return lif(net, name, current, { ...neuron, surrogate: surrogate(o.surrogate, o.slope) }).spikes;
}

function block(net: Net, name: string, x: Value, filters: number, stride: number, o: Options): Value {
  return net.layer(name, () => {
    let y = activate(net, 'lif1', x, o);
    y = conv(net, 'conv1', y, { filters, kernel: 3, stride, padding: 1, bias: false });
    y = activate(net, 'lif2', batchNorm(net, 'bn1', y), o);
    y = batchNorm(net, 'bn2', conv(net, 'conv2', y, { filters, kernel: 3, padding: 1, bias: false }));
    const dense = o.neuron === 'relu';
    y = SPIKING_ATTENTION[o.attention](net, 'attention', y, { steps: o.T, reduction: o.reduction, dense });
    if (stride === 1 && x.shape[1] === filters) return add(y, x);
    const past = conv(net, 'shortcut', x, { filters, kernel: 1, stride, bias: false });
    return add(y, batchNorm(net, 'bn3', past));
  });
}

export const spikingAttentionNet = defineSystem({
  name: 'spiking-attention-net',
  title: 'Spiking attention net',
  summary: 'small spiking residual network with attention on its currents',
  source: 'own',
  framework: 'torch',
  size: 64,
  options,
  training: settings({
    optimizer: { kind: 'adamw', weightDecay: 0.01 },
    lr: 2e-3,
    schedule: { kind: 'cosine' },
    batchSize: 64,
    epochs: 30,
    labelSmoothing: 0.1,
    // No rotation: in a trial, BatchNorm's statistics of rotated images did not fit plain ones on validation.
    augment: { flipHorizontal: true, flipVertical: true, cropPadding: 4, fill: 'reflect' },
  }),
  build(net, { image, classes }, o) {
    let x = conv(net, 'conv1', image, { filters: o.width, kernel: 3, padding: 1, bias: false });
    x = batchNorm(net, 'bn1', maxPool2d(x, { kernel: 2 }));
    for (const stage of [0, 1, 2])
      for (let i = 0; i < o.depth; i++) {
        const filters = o.width * (stage + 2);
        x = block(net, `block${stage * o.depth + i + 1}`, x, filters, i === 0 ? 2 : 1, o);
      }
    x = activate(net, 'lif', x, o);
    const features = reduceMean(x, { axes: [2, 3], time: true });
    return dense(net, 'fc', dropout(net, features, o.dropout), { units: classes });
  },
});
