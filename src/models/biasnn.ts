/**
 * BIASNN of paper (b): MS-ResNet18 with a spiking attention after blocks 2, 4 and 6; LASNN: the same with plain LIF
 * neurons in the attention. That it stands there follows from the paper's counts of operations.
 */
import { z } from 'zod';
import { arctan } from '../neurons/surrogate.ts';
import { type SpikeAttentionOptions, spikeAttention } from '../nn/attention/spike-attention.ts';
import { THRESHOLD_RULES } from '../ops/alif.ts';
import { msResnet, msResnetOptions, msResnetTraining } from './ms-resnet18.ts';
import { defineSystem } from './system.ts';

/** Blocks, from 1, behind which there is attention. */
const ATTENDED = [2, 4, 6];

const options = msResnetOptions.extend({
  reduction: z
    .int()
    .positive()
    .default(16)
    .describe('r of the attention: 4, 8 or 16; not given in the paper'),
  attentionTau: z.number().min(0).max(1).default(0.5).describe('decay of the membranes in the attention'),
  attentionThreshold: z.number().positive().default(1),
  alpha: z.number().positive().default(2).describe('α of the arctan surrogate of the attention'),
  arctanScale: z
    .enum(['1/pi', '1'])
    .default('1/pi')
    .describe('factor of that surrogate: as printed, or as snnTorch computes it'),
  adaptTau: z
    .number()
    .positive()
    .default(10)
    .describe('τ of the adaptation, in steps; not given in the paper'),
  adaptStep: z.number().positive().default(1).describe('what the adaptation is drawn to where all fire'),
  thresholdRule: z
    .enum(THRESHOLD_RULES)
    .default('base')
    .describe('base: threshold + adaptation, as described; cumulative: as printed, can only rise'),
  evaluation: z
    .enum(['running', 'frozen'])
    .default('running')
    .describe('running: adapts anew over what is evaluated; frozen: keeps the last of training'),
});

function attentionOf(o: z.output<typeof options>, neuron: 'alif' | 'lif'): SpikeAttentionOptions {
  return {
    neuron,
    steps: o.T,
    reduction: o.reduction,
    tau: o.attentionTau,
    threshold: o.attentionThreshold,
    // The factor before the fraction is (α/2)·scale.
    surrogate: arctan(o.alpha, o.arctanScale === '1/pi' ? 2 / (o.alpha * Math.PI) : 1),
    adaptTau: o.adaptTau,
    adaptStep: o.adaptStep,
    rule: o.thresholdRule,
    evaluation: o.evaluation,
  };
}

function attentive(name: string, title: string, neuron: 'alif' | 'lif', summary: string) {
  return defineSystem({
    name,
    title,
    summary,
    source: 'paper (b)',
    framework: 'torch',
    size: 32,
    options,
    training: msResnetTraining,
    build(net, { image, classes }, o) {
      const attention = attentionOf(o, neuron);
      return msResnet(net, { image, classes }, o, (x, block) =>
        ATTENDED.includes(block) ? spikeAttention(net, `attention${block}`, x, attention) : x,
      );
    },
  });
}

export const biasnn = attentive(
  'biasnn',
  'BIASNN',
  'alif',
  'MS-ResNet18 with attention by adaptive spiking neurons',
);
export const lasnn = attentive(
  'lasnn',
  'LASNN',
  'lif',
  'MS-ResNet18 with attention by plain spiking neurons',
);
