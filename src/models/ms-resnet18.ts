/**
 * MS-ResNet18: the spiking residual network that paper (b) builds on, for small images.
 *
 *   image → conv 7×7 → BatchNorm → 4 stages of 2 blocks, of 64, 128, 256, 512 channels → LIF → mean → dense K
 *   block: x + (LIF → conv 3×3 → BatchNorm → LIF → conv 3×3 → BatchNorm)(x), nothing after the sum
 *
 * What runs along the shortcuts is membrane current, not spikes. The first block of stages 2 to 4 has stride 2;
 * its shortcut is a 1×1 convolution with BatchNorm of the current itself. Convolutions have no bias.
 *
 * The option `attention` weighs the current behind blocks 2, 4 and 6, where paper (b) has its own: `biasnn.ts`.
 *
 * The paper presents the image T times to the stem. Nothing there depends on time, so it is computed once; its
 * batch statistics are the same, and its running variance differs by the factor of n/(n − 1) alone.
 */
import { z } from 'zod';
import { mismatch } from '../errors.ts';
import type { Value } from '../graph/value.ts';
import { RESETS } from '../neurons/neuron.ts';
import { arctan, SURROGATES, surrogate } from '../neurons/surrogate.ts';
import {
  SPIKING_ATTENTION,
  SPIKING_ATTENTION_NAMES,
  type SpikingAttentionName,
  type SpikingAttentionOptions,
} from '../nn/attention/spiking-table.ts';
import { batchNorm, conv, dense } from '../nn/layers.ts';
import type { Net } from '../nn/net.ts';
import { type ImageStatistics, normalizeImage } from '../nn/normalize.ts';
import { ALIF } from '../nn/spiking/alif.ts';
import { type LifOptions, lif } from '../nn/spiking/lif.ts';
import { THRESHOLD_RULES } from '../ops/alif.ts';
import { add } from '../ops/elementwise.ts';
import { reduceMean } from '../ops/reduce.ts';
import { settings } from './settings.ts';
import { defineSystem, type Problem } from './system.ts';

/** Customary statistics of the training sets. */
const STATISTICS = {
  cifar10: { mean: [0.4914, 0.4822, 0.4465], deviation: [0.2023, 0.1994, 0.201] },
  cifar100: { mean: [0.5071, 0.4867, 0.4408], deviation: [0.2675, 0.2565, 0.2761] },
  'fashion-mnist': { mean: [0.286], deviation: [0.353] },
} satisfies Record<string, ImageStatistics>;

const msResnetOptions = z.strictObject({
  T: z.int().positive().default(4).describe('time steps'),
  width: z
    .int()
    .positive()
    .default(64)
    .describe('channels of the first stage; each later one has twice as many'),
  beta: z.number().min(0).max(1).default(0.25).describe('decay of the membrane'),
  threshold: z.number().positive().default(0.5),
  reset: z.enum(RESETS).default('zero'),
  surrogate: z.enum(SURROGATES).default('rectangle'),
  slope: z.number().positive().default(1).describe('width of rectangle and triangle, k or α of the others'),
  gamma: z
    .enum(['threshold', 'one'])
    .default('threshold')
    .describe(
      "first γ of BatchNorm; threshold: that, and 0 where a block ends, as the backbone's code has it",
    ),
  normalization: z
    .enum(['auto', 'cifar10', 'cifar100', 'fashion-mnist', 'none'])
    .default('auto')
    .describe(
      'whose mean and deviation the images are normalised by; the paper is silent. auto: fashion-mnist for grey images, ' +
        'cifar100 where there are 100 classes, else cifar10',
    ),
  attention: z.enum(SPIKING_ATTENTION_NAMES).default('none').describe('of the current behind blocks 2, 4, 6'),
  reduction: z
    .int()
    .positive()
    .default(16)
    .describe('r of the attention: 4, 8 or 16; not given in the paper'),
  attentionTau: z
    .number()
    .min(0)
    .max(1)
    .default(ALIF.tau)
    .describe('decay of the membranes in the attention by masks; not given in the paper'),
  attentionThreshold: z
    .number()
    .positive()
    .default(ALIF.threshold)
    .describe('of the attention by masks; not given in the paper'),
  alpha: z
    .number()
    .positive()
    .default(2)
    .describe('α of the arctan surrogate of the attention; not given in the paper'),
  arctanScale: z
    .enum(['1/pi', '1'])
    .default('1/pi')
    .describe('factor of that surrogate: as printed, or as snnTorch computes it'),
  adaptTau: z
    .number()
    .positive()
    .default(ALIF.adaptTau)
    .describe('of alif-mask: τ of the adaptation, in steps; not given in the paper'),
  adaptStep: z
    .number()
    .positive()
    .default(ALIF.adaptStep)
    .describe('of alif-mask: what the adaptation is drawn to where all fire; not given in the paper'),
  thresholdRule: z
    .enum(THRESHOLD_RULES)
    .default(ALIF.rule)
    .describe(
      'of alif-mask: base, threshold + adaptation, as described; cumulative: as printed, can only rise',
    ),
  evaluation: z
    .enum(['running', 'frozen'])
    .default(ALIF.evaluation)
    .describe(
      'of alif-mask: running, adapts anew over what is evaluated; frozen: keeps the last of training',
    ),
});

type Options = z.output<typeof msResnetOptions>;

/** Blocks, from 1, behind which there is attention. */
const ATTENDED = [2, 4, 6];

function attentionOf(o: Options): SpikingAttentionOptions {
  return {
    steps: o.T,
    reduction: o.reduction,
    mask: {
      tau: o.attentionTau,
      threshold: o.attentionThreshold,
      // The factor before the fraction is (α/2)·scale.
      surrogate: arctan(o.alpha, o.arctanScale === '1/pi' ? 2 / (o.alpha * Math.PI) : 1),
      adaptTau: o.adaptTau,
      adaptStep: o.adaptStep,
      rule: o.thresholdRule,
      evaluation: o.evaluation,
    },
  };
}

function neuronOf({ T, beta, threshold, reset, ...o }: Options): LifOptions {
  return { steps: T, beta, threshold, reset, resetDelay: false, surrogate: surrogate(o.surrogate, o.slope) };
}

/** Two spiking convolutions and what goes past them. */
function block(net: Net, name: string, x: Value, filters: number, stride: number, o: Options): Value {
  const neuron = neuronOf(o);
  const { first, last } = gammas(o);
  return net.layer(name, () => {
    let y = lif(net, 'lif1', x, neuron).spikes;
    y = conv(net, 'conv1', y, { filters, kernel: 3, stride, padding: 1, bias: false });
    y = lif(net, 'lif2', batchNorm(net, 'bn1', y, { gamma: first }), neuron).spikes;
    y = conv(net, 'conv2', y, { filters, kernel: 3, padding: 1, bias: false });
    y = batchNorm(net, 'bn2', y, { gamma: last });
    if (stride === 1 && x.shape[1] === filters) return add(y, x);
    const past = conv(net, 'shortcut', x, { filters, kernel: 1, stride, bias: false });
    return add(y, batchNorm(net, 'bn3', past, { gamma: first }));
  });
}

/** γ of the stem, of a block's first BatchNorm and of shortcuts; and of a block's last. */
function gammas({ gamma, threshold }: Options): { first: number; last: number } {
  return gamma === 'threshold' ? { first: threshold, last: 0 } : { first: 1, last: 1 };
}

function normalized({ image, classes }: Problem, { normalization }: Options): Value {
  if (normalization === 'none') return image;
  const channels = image.shape[1];
  const of = normalization === 'auto' ? usual(channels, classes) : normalization;
  const statistics = STATISTICS[of];
  if (statistics.mean.length !== channels)
    throw mismatch(
      'ms-resnet18',
      `images of ${statistics.mean.length} channels for normalization=${of}`,
      channels,
      `set normalization=${channels === 1 ? 'fashion-mnist' : 'none'}`,
    );
  return normalizeImage(image, statistics);
}

/** The data set of the paper that images are likeliest of. */
function usual(channels: number, classes: number): keyof typeof STATISTICS {
  if (channels === 1) return 'fashion-mnist';
  return classes === 100 ? 'cifar100' : 'cifar10';
}

const training = settings({
  optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 5e-5 },
  lr: 0.1,
  schedule: { kind: 'cosine' },
  batchSize: 64,
  epochs: 150,
  monitor: 'val_accuracy',
  augment: { flipHorizontal: true, cropPadding: 4, fill: 'constant' },
});

function msResnet(net: Net, problem: Problem, o: Options): Value {
  const stem = { filters: o.width, kernel: 7, padding: 3, bias: false };
  let x = conv(net, 'conv1', normalized(problem, o), stem);
  x = batchNorm(net, 'bn1', x, { gamma: gammas(o).first });
  const attend = SPIKING_ATTENTION[o.attention];
  for (let i = 1; i <= 8; i++) {
    const stage = Math.floor((i - 1) / 2);
    const stride = i % 2 === 1 && stage > 0 ? 2 : 1;
    x = block(net, `block${i}`, x, o.width * 2 ** stage, stride, o);
    if (ATTENDED.includes(i)) x = attend(net, `attention${i}`, x, attentionOf(o));
  }
  const { spikes } = lif(net, 'lif', x, neuronOf(o));
  return dense(net, 'fc', reduceMean(spikes, { axes: [2, 3], time: true }), { units: problem.classes });
}

export interface MsResnetVariant {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly source: string;
  /** What its option `attention` is unless it is set. */
  readonly attention: SpikingAttentionName;
}

/** A system that is this network with one attention or another. */
export function msResnetSystem({ attention, ...names }: MsResnetVariant) {
  return defineSystem({
    ...names,
    framework: 'torch',
    size: 32,
    classes: 10,
    greySize: 28,
    options: msResnetOptions.extend({ attention: msResnetOptions.shape.attention.default(attention) }),
    training,
    build: msResnet,
  });
}

export const msResnet18 = msResnetSystem({
  name: 'ms-resnet18',
  title: 'MS-ResNet18',
  summary: 'spiking residual network with BatchNorm, whose shortcuts carry current',
  source: 'paper (b), backbone',
  attention: 'none',
});
