/**
 * Convolutions and what is fused with them (src/compile/fuse.ts says how), lowered to native/kernels/conv_*.cc.
 */
import type { ConvAlgorithm, ConvChoice } from '../../compile/choose.ts';
import {
  type ConvStep,
  convStep,
  fusedNode,
  incomingGradient,
  isFew3x3,
  isPlain3x3,
} from '../../compile/conv-step.ts';
import { align, LANES } from '../../compile/layout.ts';
import type { Step } from '../../compile/plan.ts';
import { f32 } from '../../graph/value.ts';
import type { Accumulator, KernelCall, Lower, Place, Temporary } from './kernel-call.ts';
import { accumulator, expectPlain, flag, needed, neededLoop, temporary } from './kernel-call.ts';
import { weightsOf } from './lower-fold.ts';

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

/** Weights of the tap that is left, native/kernels/conv_sole_tap.cc. */
function soleTapWeights(w: Place, { soleTap }: ConvStep): { place: Place; calls: KernelCall[] } {
  if (!soleTap) return { place: w, calls: [] };
  const { filters, taps, tap } = soleTap;
  const place = floats(filters);
  const call = { kernel: 'sole_tap_weights', buffers: [w, place], ints: [filters, taps, tap] };
  return { place, calls: [{ ...call, prepares: true }] };
}

interface Packed {
  readonly place: Temporary;
  readonly call: KernelCall;
}

/**
 * Tiles up to which Winograd's kernels transform weights while they use them, if that is the only time. At more tiles than
 * MOST_SHARED_TILES of native/kernels/winograd_forward.h they do so more than once, which is dearer than to read what was
 * transformed, unless that is too much for a cache.
 */
const MOST_TILES = { ofAny: 112, ofManyWeights: 256 };

function fewTiles({ geometry: g, pass }: ConvStep): boolean {
  const transposed = pass === 'gradInput';
  const [height, width] = transposed ? [g.h, g.w] : [g.oh, g.ow];
  const strided = g.stride[0] === 2;
  // The gradient of stride 2 has tiles of 8×8; they may begin a pixel ahead.
  const tiles = (extent: number) =>
    strided && transposed ? Math.ceil((extent + 1) / 8) : Math.ceil(extent / 4);
  const most = strided || g.c * g.o < 2 ** 17 ? MOST_TILES.ofAny : MOST_TILES.ofManyWeights;
  return g.n * tiles(height) * tiles(width) <= most;
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

/** Ways of a convolution of spikes; native/kernels/conv_event.cc. */
const SPIKE_WAYS = { dense: 0, scatter: 1, scatterUnpacked: 2, gather: 3 };

/**
 * 3×3 scatter spikes and all other shapes gather them; so do 3×3 on small maps whose weights no near cache holds, which
 * scattering reads for a few images at a time. But where the pixels are so few that each weight is read by one task,
 * scattering packs weights on the way, and saves to write and read them once more.
 */
function spikeWay({ geometry: g }: ConvStep, choice: ConvChoice, keeps: boolean): keyof typeof SPIKE_WAYS {
  if (!choice.events) return 'dense';
  if (!isPlain3x3(g)) return 'gather';
  if (9 * g.c * g.o < 2 ** 18) return 'scatter';
  if (!keeps && g.n * g.h * g.w <= 1024) return 'scatterUnpacked';
  return g.h * g.w <= 36 ? 'gather' : 'scatter';
}

function packedForSpikes(way: keyof typeof SPIKE_WAYS, w: Place, conv: ConvStep): Packed | null {
  if (way === 'gather') return gatherWeights(w, conv);
  return way === 'scatter' ? scatterWeights(w, conv, false) : null;
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
  const { weight: full, bias, calls: folding } = weightsOf(step);
  const { conv, choice } = convOf(step);
  const { place: weight, calls: taking } = soleTapWeights(full, conv);
  const calls = [...folding, ...taking];
  const { c, o } = conv.geometry;
  const y = nodes[nodes.length - 1].outputs[0];
  const ints = convInts(conv);
  const compute = (kernel: string, weights: Place, ...more: (Place | null)[]): KernelCall => ({
    kernel,
    buffers: [needed(root, 0), weights, bias, y, stored(conv.pool?.outputs[1]), ...more],
    ints,
  });
  if (conv.spikes) {
    const way = spikeWay(conv, choice, keeps);
    const packed = packedForSpikes(way, weight, conv);
    const call = compute('conv2d_spike', weight, packed?.place ?? null);
    return [...calls, ...(packed ? [packed.call] : []), { ...call, ints: [...ints, SPIKE_WAYS[way]] }];
  }
  switch (choice.algorithm) {
    case 'depthwise':
    case 'planes':
      return [...calls, compute(`conv2d_${choice.algorithm}`, weight)];
    case 'winograd': {
      if (isFew3x3(conv.geometry)) {
        const packed = winogradFewWeights(weight, conv);
        return [...calls, packed.call, compute('conv2d_winograd_few', packed.place)];
      }
      const plain = !keeps && fewTiles(conv);
      const packed = winogradWeights(weight, conv);
      const call = compute('conv2d_winograd', plain ? weight : packed.place);
      return [...calls, ...(plain ? [] : [packed.call]), { ...call, ints: [...ints, flag(plain)] }];
    }
    case 'direct': {
      const packed = packedWeights('conv2d_weights', weight, conv, c, o);
      return [...calls, packed.call, compute('conv2d', packed.place)];
    }
  }
};

export const lowerConv2dGradInput: Lower = (step, _, loop) => {
  const { root } = step;
  expectPlain('conv2dGradInput', needed(root, 1));
  const { conv, choice } = convOf(step);
  const { place: w, calls } = soleTapWeights(needed(root, 1), conv);
  const { c, o } = conv.geometry;
  const { g, argmax } = incomingGradient(step, 0);
  const [dx] = root.outputs;
  if (choice.algorithm === 'depthwise' || choice.algorithm === 'planes') {
    const kernel = `conv2d_${choice.algorithm}_grad_input`;
    return [...calls, { kernel, buffers: [g, argmax, w, dx], ints: convInts(conv) }];
  }
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
  return [...calls, packed.call, ...scattering, compute('conv2d_grad_input', packed.place)];
};

const GRAD_WEIGHT_KERNELS: Record<ConvAlgorithm, string> = {
  winograd: 'conv2d_grad_weight_winograd',
  direct: 'conv2d_grad_weight',
  depthwise: 'conv2d_depthwise_grad_weight',
  planes: 'conv2d_planes_grad_weight',
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
  const [dw] = root.outputs;
  if (conv.soleTap) {
    const { filters, taps, tap } = conv.soleTap;
    const place = floats(filters);
    return [
      { kernel: GRAD_WEIGHT_KERNELS[choice.algorithm], buffers: [x, g, argmax, place], ints },
      { kernel: 'sole_tap_gradient', buffers: [place, dw], ints: [filters, taps, tap] },
    ];
  }
  const buffers = [x, g, argmax, dw];
  if (!conv.spikes) return [{ kernel: GRAD_WEIGHT_KERNELS[choice.algorithm], buffers, ints }];
  const winograd = choice.algorithm === 'winograd';
  return [
    { kernel: 'conv2d_grad_weight_spike', buffers, ints: [...ints, flag(winograd), flag(choice.events)] },
  ];
};
