/**
 * Convolution, fully connected layers and neurons: the steps that are fused (src/compile/fuse.ts says how),
 * lowered to native/kernels/conv_*.cc, dense*.cc and lif.cc.
 */
import type { ConvAlgorithm, ConvChoice } from '../../compile/choose.ts';
import {
  type ConvStep,
  convStep,
  fusedNode,
  gathersForward,
  incomingGradient,
  isFew3x3,
  isPlain3x3,
} from '../../compile/conv-step.ts';
import { align, isBlocked, isMap, LANES } from '../../compile/layout.ts';
import type { Step } from '../../compile/plan.ts';
import { mismatch } from '../../errors.ts';
import type { Node, TensorType, Value } from '../../graph/value.ts';
import { describe, f32, size } from '../../graph/value.ts';
import type { RESETS } from '../../neurons/neuron.ts';
import { SURROGATES } from '../../neurons/surrogate.ts';
import type { NeuronName } from '../../neurons/table.ts';
import type { NeuronAttrs } from '../../ops/neuron.ts';
import type { Accumulator, KernelCall, Lower, Stored, Temporary } from './kernel-call.ts';
import { accumulator, expectPlain, flag, images, needed, neededLoop, temporary } from './kernel-call.ts';
import { weightsOf } from './lower-fold.ts';
import { reshape } from './lower-layout.ts';

function convInts({ geometry: g, relu, pool }: ConvStep): number[] {
  return [
    ...[g.n, g.c, g.h, g.w, g.o, g.oh, g.ow, g.kh, g.kw],
    ...[...g.stride, g.padding[0], g.padding[2], ...g.dilation, g.groups, flag(relu), flag(pool !== null)],
  ];
}

/** What a step is, and the kernels that the compiler has chosen for it. */
function convOf(step: Step): { conv: ConvStep; choice: ConvChoice } {
  const conv = convStep(step);
  if (!conv || !step.conv) throw new Error(`native engine: ${step.root.op.name} has no kernels in the plan`);
  return { conv, choice: step.conv };
}

/** The widest group of output channels that the kernels of any instruction set pack together. */
const WIDEST_PANEL = 32;
const panelled = (channels: number) => Math.ceil(channels / WIDEST_PANEL) * WIDEST_PANEL;
const floats = (count: number): Temporary => ({ temporaryBytes: align(4 * count) });

type Place = Value | Temporary;

interface Packed {
  readonly place: Temporary;
  readonly call: KernelCall;
}

/**
 * Tiles up to which Winograd's kernels transform weights while they use them, if that is the only time: at more
 * tiles they would do so more than once. MOST_SHARED_TILES of native/kernels/winograd_forward.h.
 */
const MOST_TILES = 112;

function fewTiles({ geometry: g, pass }: ConvStep): boolean {
  const transposed = pass === 'gradInput';
  const [height, width] = transposed ? [g.h, g.w] : [g.oh, g.ow];
  // The gradient of stride 2 has tiles of 8×8; they may begin a pixel ahead.
  const strided = transposed && g.stride[0] === 2;
  const tiles = (extent: number) => (strided ? Math.ceil((extent + 1) / 8) : Math.ceil(extent / 4));
  return g.n * tiles(height) * tiles(width) <= MOST_TILES;
}

/** Weights at Winograd's points, native/kernels/winograd_weights.h. */
function winogradWeights(w: Place, conv: ConvStep): Packed {
  const { geometry: g, pass } = conv;
  const transposed = pass === 'gradInput';
  const [inputs, outputs] = transposed ? [g.o, g.c] : [g.c, g.o];
  const place = floats(36 * panelled(outputs) * (inputs + 1));
  return {
    place,
    call: {
      kernel: 'winograd_weights',
      buffers: [w, place],
      ints: [inputs, outputs, flag(transposed), flag(g.stride[0] === 2)],
      prepares: true,
    },
  };
}

/** … for the few channels of a plain map, native/kernels/winograd_few.h. */
function winogradFewWeights(w: Place, { geometry: { c, o } }: ConvStep): Packed {
  const place = floats(36 * c * Math.ceil(o / LANES) * LANES);
  return {
    place,
    call: { kernel: 'winograd_few_weights', buffers: [w, place], ints: [c, o], prepares: true },
  };
}

/** Weights as the register tiles of native/kernels/conv_tile.h read them. */
function packedWeights(kernel: string, w: Place, conv: ConvStep, inputs: number, outputs: number): Packed {
  const { kh, kw, groups } = conv.geometry;
  const place = floats(groups * panelled(outputs / groups) * (inputs / groups) * kh * kw);
  return { place, call: { kernel, buffers: [w, place], ints: convInts(conv), prepares: true } };
}

/** Weights as 3×3 convolutions that scatter events read them, native/kernels/conv_scatter.h. */
function scatterWeights(w: Place, { geometry: { o, c } }: ConvStep, transposed: boolean): Packed {
  const [sources, outputs] = transposed ? [o, c] : [c, o];
  const place = temporary(f32([Math.ceil(outputs / LANES), sources, 9 * LANES]));
  return {
    place,
    call: {
      kernel: 'scatter_weights',
      buffers: [w, place],
      ints: [o, c, flag(transposed)],
      prepares: true,
    },
  };
}

/** Weights as convolutions of any other shape gather them, native/kernels/conv_gather.h. */
function gatherWeights(w: Place, { geometry: { o, c, kh, kw } }: ConvStep): Packed {
  const place = temporary(f32([Math.ceil(o / LANES), c, kh * kw * LANES]));
  return {
    place,
    call: { kernel: 'gather_weights', buffers: [w, place], ints: [o, c, kh * kw], prepares: true },
  };
}

/**
 * Sums of weight gradients in a loop: EventGradWeightSums in conv_event_grad_weight.h for 3×3, and
 * GatherGradWeightPlan in conv_gather_grad_weight.h.
 */
function gradWeightSums({ geometry: g }: ConvStep): Accumulator {
  const group = 4 * LANES;
  const shape = isPlain3x3(g)
    ? [Math.ceil(g.c / group) * Math.ceil(g.o / LANES), group * 9, LANES]
    : [Math.ceil(g.o / (2 * LANES)), g.c * g.kh * g.kw, 2 * LANES];
  return accumulator(f32(shape));
}

export const lowerConv2d: Lower = (step, stored, _, keeps) => {
  const { root, nodes } = step;
  const { weight, bias, calls } = weightsOf(step);
  const { conv, choice } = convOf(step);
  const { c, o } = conv.geometry;
  const y = nodes[nodes.length - 1].outputs[0];
  const compute = (kernel: string, weights: Place, ...more: (Place | null)[]): KernelCall => ({
    kernel,
    buffers: [needed(root, 0), weights, bias, y, stored(conv.pool?.outputs[1]), ...more],
    ints: convInts(conv),
  });
  if (conv.spikes && !choice.events) return [...calls, compute('conv2d_spike', weight, null)];
  if (conv.spikes) {
    const events = gathersForward(conv.geometry)
      ? gatherWeights(weight, conv)
      : scatterWeights(weight, conv, false);
    return [...calls, events.call, compute('conv2d_spike', weight, events.place)];
  }
  switch (choice.algorithm) {
    case 'depthwise':
      return [...calls, compute('conv2d_depthwise', weight)];
    case 'winograd': {
      if (isFew3x3(conv.geometry)) {
        const packed = winogradFewWeights(weight, conv);
        return [...calls, packed.call, compute('conv2d_winograd_few', packed.place)];
      }
      const plain = !keeps && fewTiles(conv);
      const packed = winogradWeights(weight, conv);
      const call = compute('conv2d_winograd', plain ? weight : packed.place);
      return [...calls, ...(plain ? [] : [packed.call]), { ...call, ints: [...call.ints, flag(plain)] }];
    }
    case 'direct': {
      const packed = packedWeights('conv2d_weights', weight, conv, c, o);
      return [...calls, packed.call, compute('conv2d', packed.place)];
    }
  }
};

export const lowerConv2dGradInput: Lower = (step, _, loop) => {
  const { root } = step;
  const w = needed(root, 1);
  expectPlain('conv2dGradInput', w);
  const { conv, choice } = convOf(step);
  const { c, o } = conv.geometry;
  const { g, argmax } = incomingGradient(step, 0);
  const [dx] = root.outputs;
  if (choice.algorithm === 'depthwise')
    return [{ kernel: 'conv2d_depthwise_grad_input', buffers: [g, argmax, w, dx], ints: convInts(conv) }];
  const events = choice.events ? scatterWeights(w, conv, true) : null;
  const scattering = events ? [events.call] : [];
  const compute = (kernel: string, weights: Place, ...more: number[]): KernelCall => ({
    kernel,
    buffers: [g, argmax, events?.place ?? null, weights, dx],
    ints: [...convInts(conv), flag(choice.events), ...more],
  });
  if (choice.algorithm === 'winograd') {
    const plain = !loop && fewTiles(conv);
    const packed = winogradWeights(w, conv);
    const call = compute('conv2d_grad_input_winograd', plain ? w : packed.place, flag(plain));
    return [...(plain ? [] : [packed.call]), ...scattering, call];
  }
  const packed = packedWeights('conv2d_grad_input_weights', w, conv, o, c);
  return [packed.call, ...scattering, compute('conv2d_grad_input', packed.place)];
};

const GRAD_WEIGHT_KERNELS: Record<ConvAlgorithm, string> = {
  winograd: 'conv2d_grad_weight_winograd',
  direct: 'conv2d_grad_weight',
  depthwise: 'conv2d_depthwise_grad_weight',
};

export const lowerConv2dGradWeight: Lower = (step, _, loop) => {
  const { root } = step;
  const { conv, choice } = convOf(step);
  const { g, argmax } = incomingGradient(step, 1);
  const x = needed(root, 0);
  const ints = convInts(conv);
  const sum = fusedNode(step, 'sumMicro');
  if (sum) {
    const sums = gradWeightSums(conv);
    return [
      { kernel: 'conv2d_grad_weight_spike_add', buffers: [x, g, argmax, sums], ints },
      {
        kernel: 'conv2d_grad_weight_spike_sum',
        buffers: [sums, sum.outputs[0]],
        ints: [...ints, neededLoop(step, loop).slots],
        finishes: true,
      },
    ];
  }
  const buffers = [x, g, argmax, root.outputs[0]];
  if (!conv.spikes) return [{ kernel: GRAD_WEIGHT_KERNELS[choice.algorithm], buffers, ints }];
  const winograd = choice.algorithm === 'winograd';
  return [
    { kernel: 'conv2d_grad_weight_spike', buffers, ints: [...ints, flag(winograd), flag(choice.events)] },
  ];
};

/** Rows of a dense layer as [TN, C, HW, O]; a map is flattened by the kernel. */
function denseInts(rows: TensorType, outputs: number): number[] {
  const pixels = isMap(rows) ? size(rows.shape.slice(2)) : 1;
  return [images(rows), rows.shape[1], pixels, outputs];
}

/** Maps that the kernels would take for rows: of one pixel, but padded to whole blocks. */
function isPaddedPixel(type: TensorType): boolean {
  const padded = isBlocked(type) && type.shape[1] % LANES !== 0;
  return padded && type.dtype === 'f32' && size(type.shape.slice(2)) === 1;
}

interface Rows {
  readonly place: Value | Temporary;
  readonly type: TensorType;
  /** What brings them there. */
  readonly calls: readonly KernelCall[];
}

/** What a dense layer reads: what is flattened into it, or its input as it is. */
function flattened(step: Step): Rows {
  const node = fusedNode(step, 'reshape');
  const x = node ? needed(node, 0) : needed(step.root, 0);
  if (!node || !isPaddedPixel(x)) return { place: x, type: x, calls: [] };
  const [type] = node.outputs;
  const place = temporary(type);
  return { place, type, calls: reshape(x, x, place, type) };
}

/** Words of 16 spikes in a stored row: each pixel of a map has its own. */
function spikeWords(rows: TensorType): number {
  const [, c, pixels] = denseInts(rows, 0);
  return Math.ceil(c / LANES) * pixels;
}

/** Weights of a layer of floats in the stored order of its rows, native/kernels/dense_shape.h. */
function storedWeights(w: Place, rows: TensorType, outputs: number): { place: Place; calls: KernelCall[] } {
  const ints = denseInts(rows, outputs);
  const [, c, pixels] = ints;
  if (pixels === 1 || !isBlocked(rows)) return { place: w, calls: [] };
  const place = temporary(f32([outputs, Math.ceil(c / LANES) * LANES * pixels]));
  return { place, calls: [{ kernel: 'dense_weights', buffers: [w, place], ints, prepares: true }] };
}

export const lowerDense: Lower = (step) => {
  const { root, nodes } = step;
  const { place, type, calls } = flattened(step);
  const { weight, bias, calls: folding } = weightsOf(step);
  const ints = denseInts(type, needed(root, 1).shape[0]);
  const rest = [bias, nodes[nodes.length - 1].outputs[0]];
  const before = [...calls, ...folding];
  if (type.dtype !== 'spike') {
    const stored = storedWeights(weight, type, needed(root, 1).shape[0]);
    return [...before, ...stored.calls, { kernel: 'dense', buffers: [place, stored.place, ...rest], ints }];
  }
  const width = Math.ceil(needed(root, 1).shape[0] / LANES) * LANES;
  const packed = temporary(f32([spikeWords(type) * LANES, width]));
  return [
    ...before,
    { kernel: 'dense_spike_weights', buffers: [weight, packed], ints, prepares: true },
    { kernel: 'dense_spike', buffers: [place, packed, ...rest], ints },
  ];
};

export const lowerDenseGradInput: Lower = (step) => {
  const { root } = step;
  const [rows] = root.outputs;
  const dx = fusedNode(step, 'reshape')?.outputs[0] ?? rows;
  const w = needed(root, 1);
  const into = (place: Place, type: TensorType): KernelCall[] => {
    const stored = storedWeights(w, type, w.shape[0]);
    const ints = denseInts(type, w.shape[0]);
    return [
      ...stored.calls,
      { kernel: 'dense_grad_input', buffers: [needed(root, 0), stored.place, place], ints },
    ];
  };
  if (!isPaddedPixel(dx)) return into(dx, dx);
  const place = temporary(rows);
  return [...into(place, rows), ...reshape(place, rows, dx, dx)];
};

export const lowerDenseGradWeight: Lower = (step, _, loop) => {
  const { root } = step;
  const { place, type, calls } = flattened(step);
  const g = needed(root, 1);
  const ints = denseInts(type, g.shape[1]);
  const sum = fusedNode(step, 'sumMicro');
  if (sum) {
    const sums = accumulator(f32([spikeWords(type) * LANES, Math.ceil(g.shape[1] / 8) * 8]));
    return [
      ...calls,
      { kernel: 'dense_grad_weight_spike_add', buffers: [place, g, sums], ints },
      {
        kernel: 'dense_grad_weight_spike_sum',
        buffers: [sums, sum.outputs[0]],
        ints: [...ints, neededLoop(step, loop).slots],
        finishes: true,
      },
    ];
  }
  const kernel = type.dtype === 'spike' ? 'dense_grad_weight_spike' : 'dense_grad_weight';
  return [...calls, { kernel, buffers: [place, g, root.outputs[0]], ints }];
};

/** The number by which the kernels know a kind of reset. */
const RESET_NUMBER = { subtract: 0, zero: 1, none: 2 } satisfies Record<(typeof RESETS)[number], number>;

function lifInts(root: Node, reluGrad: boolean): { ints: number[]; floats: number[] } {
  const attrs = root.attrs as NeuronAttrs;
  const [current, beta, threshold] = [needed(root, 0), needed(root, 1), needed(root, 2)];
  if (!isMap(current) && current.shape.length !== 2)
    throw mismatch('native neuron()', 'a current of maps or rows', describe(current));
  const perChannel = (parameter: Value) => flag(parameter.shape.length === 1);
  const pixels = isMap(current) ? size(current.shape.slice(2)) : 0;
  const { surrogate } = attrs;
  return {
    ints: [
      ...[current.shape[0], current.shape[1], pixels, attrs.steps, flag(current.time !== null)],
      ...[perChannel(beta), perChannel(threshold), RESET_NUMBER[attrs.reset], flag(attrs.resetDelay)],
      ...[SURROGATES.indexOf(surrogate.kind), flag(reluGrad)],
    ],
    floats: [surrogate.parameter, surrogate.scale],
  };
}

interface NeuronKernels {
  forward(root: Node, stored: Stored): KernelCall;
  backward(step: Step, stored: Stored): KernelCall;
}

/** One row a neuron model, as in src/neurons/table.ts; null: only the reference engine runs it. */
const NEURON_KERNELS: Record<NeuronName, NeuronKernels | null> = {
  lif: {
    forward: (root, stored) => ({
      kernel: 'lif',
      buffers: [
        ...[0, 1, 2].map((i) => needed(root, i)),
        // The kernel always writes spikes, also where only the membrane is read.
        stored(root.outputs[0]) ?? temporary(root.outputs[0]),
        stored(root.outputs[1]),
      ],
      ...lifInts(root, false),
    }),
    backward: (step, stored) => {
      const { root } = step;
      const mask = fusedNode(step, 'reluGrad');
      const [dCurrent, dBeta, dThreshold] = root.outputs;
      return {
        kernel: 'lif_grad',
        buffers: [
          ...[0, 1, 2].map((i) => needed(root, i)),
          root.inputs[3] ?? null,
          root.inputs[4] ?? null,
          ...[mask ? mask.outputs[0] : dCurrent, dBeta, dThreshold].map(stored),
        ],
        ...lifInts(root, mask !== undefined),
      };
    },
  },
};

function kernelsOf({ attrs }: Node): NeuronKernels {
  const { model } = attrs as NeuronAttrs;
  const kernels = NEURON_KERNELS[model];
  if (kernels) return kernels;
  throw mismatch('neuron()', 'a neuron with a native kernel', model, 'compute with --engine reference');
}

export const lowerNeuron: Lower = ({ root }, stored) => [kernelsOf(root).forward(root, stored)];

export const lowerNeuronGrad: Lower = (step, stored) => [kernelsOf(step.root).backward(step, stored)];
