/** Fully connected layers and what is fused with them, lowered to native/kernels/dense*.cc. */
import { fusedNode } from '../../compile/conv-step.ts';
import { isBlocked, isMap, LANES } from '../../compile/layout.ts';
import type { Step } from '../../compile/plan.ts';
import type { TensorType } from '../../graph/value.ts';
import { f32, size } from '../../graph/value.ts';
import type { KernelCall, Lower, Place } from './kernel-call.ts';
import { accumulator, images, needed, neededLoop, temporary } from './kernel-call.ts';
import { weightsOf } from './lower-fold.ts';
import { reshape } from './lower-layout.ts';

/** Features from which on a row is long, as native/kernels/dense_pieces.h has it. */
const LONG_ROW = 8192;

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
  readonly place: Place;
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

/**
 * Whether the kernel for long rows takes them, which turns weights as it goes. A few images cost less when the weights
 * were turned before, and small maps are turned in too small pieces.
 */
function areLong(rows: TensorType): boolean {
  const [count, c, pixels] = denseInts(rows, 0);
  return count >= 16 && c * pixels > LONG_ROW && (pixels === 1 || pixels >= LANES);
}

export const lowerDense: Lower = (step) => {
  const { root, nodes } = step;
  const { place, type, calls } = flattened(step);
  const { weight, bias, calls: folding } = weightsOf(step);
  const ints = denseInts(type, needed(root, 1).shape[0]);
  const rest = [bias, nodes[nodes.length - 1].outputs[0]];
  const before = [...calls, ...folding];
  if (type.dtype !== 'spike') {
    if (areLong(type)) return [...before, { kernel: 'dense_long', buffers: [place, weight, ...rest], ints }];
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
  const into = (place: Place, type: TensorType): KernelCall => ({
    kernel: 'dense_grad_input',
    buffers: [needed(root, 0), w, place],
    ints: denseInts(type, w.shape[0]),
  });
  if (!isPaddedPixel(dx)) return [into(dx, dx)];
  const place = temporary(rows);
  return [into(place, rows), ...reshape(place, rows, dx, dx)];
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
