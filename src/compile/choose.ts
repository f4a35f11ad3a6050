/**
 * Which kernels execute a convolution. Every candidate's cost is estimated from the shapes alone, and the
 * cheapest is put into the plan. Instruction set and threads do not enter: a plan is the same everywhere.
 *
 * Costs are clock cycles of one core that multiplies and adds 16 floats a cycle. The constants below were
 * measured on one core of a Zen 4 server with AVX-512, over batches of 1 to 64, maps of 2×2 to 64×64 and 16
 * to 512 channels. Estimates are within two fifths of what was measured, but for weights that no cache holds
 * (512 to 512 channels), which take up to twice as long. Where two candidates were more than a sixth apart, the
 * estimates put them in the right order. On narrower instruction sets all kernels slow down alike.
 *
 * Event-driven kernels are not in the race: how many neurons fire is known only when they have. Where they
 * are possible, the kernel of the step counts and decides between events and the algorithm chosen here.
 */

import type { BatchNormAttrs } from '../ops/batch-norm.ts';
import {
  type ConvStep,
  canRunOnSpikes,
  convStep,
  isDepthwise,
  isFew3x3,
  isPlain3x3,
  isPlanes,
  isStrided3x3,
} from './conv-step.ts';
import { LANES } from './layout.ts';
import { producer } from './match.ts';
import type { Step } from './plan.ts';

export const CONV_ALGORITHMS = ['winograd', 'direct', 'depthwise', 'planes'] as const;
export type ConvAlgorithm = (typeof CONV_ALGORITHMS)[number];

export interface ConvChoice {
  readonly algorithm: ConvAlgorithm;
  /** The kernel skips zeros instead where it counts enough of them. */
  readonly events: boolean;
  /** Estimated cycles of each candidate. */
  readonly cycles: Partial<Readonly<Record<ConvAlgorithm, number>>>;
}

/** For people: `winograd`, or `events/winograd` where the kernel may skip zeros. */
export function algorithmName({ algorithm, events }: ConvChoice): string {
  return events ? `events/${algorithm}` : algorithm;
}

/** Tiles of Winograd's algorithm: 4×4 outputs from 36 products a pair of channels. */
const TILE = 4;
const POINTS = 36;
/** With stride 2: products a tile of 4×4 on the side of the smaller map. */
const STRIDED_SLOTS = 81;

/** Cycles beside the multiplications themselves. */
const CYCLES = {
  /** A multiplication of the direct kernels, as they load and store besides; the gradient of weights. */
  directProduct: 1.05,
  directGradWeight: 1.15,
  /** A vector of sums of theirs brought to its place. */
  directOutput: 8,
  /** … of Winograd's, whose sums are shorter. */
  winogradProduct: 1.15,
  winogradGradWeight: 1.3,
  /** One tile of one block of 16 channels to its 36 points, or back. */
  tile: 300,
  /** … to its 81 slots. */
  stridedTile: 600,
  /** … of the output, where points come from few channels and stay in the nearest cache. */
  fewTile: 160,
  /** Up to 16 tiles next to each other of one of few channels, to their points. */
  fewRun: 850,
  /** A vector of 16 weights brought into the order in which a kernel reads it, or back. */
  directVector: 30,
  /** … of 16 weights at one of Winograd's points. */
  winogradVector: 14,
};

/** Products that are computed side by side at least: fewer wait for each other's sums. */
const SIDE_BY_SIDE = 4;

/** Tiles in a run, RUN of native/kernels/winograd_few.h. */
const FEW_RUN = 16;

/** Channel blocks that share the transform of the other side in the gradient of weights. */
const GRAD_WEIGHT_GROUP = 4;

const blocks = (channels: number) => Math.ceil(channels / LANES);

type Estimate = (conv: ConvStep) => number;

/** Input and output channels of the convolution that a pass computes. */
function sides({ pass, geometry: g }: ConvStep): { inputs: number; outputs: number } {
  return pass === 'gradInput' ? { inputs: g.o, outputs: g.c } : { inputs: g.c, outputs: g.o };
}

const directCycles: Estimate = (conv) => {
  const { n, oh, ow, kh, kw, groups } = conv.geometry;
  const { inputs, outputs } = sides(conv);
  const pairs = groups * Math.ceil(inputs / groups) * blocks(outputs / groups) * kh * kw;
  const pixels = Math.max(n * oh * ow, SIDE_BY_SIDE);
  if (conv.pass === 'gradWeight') return pairs * (pixels * CYCLES.directGradWeight + CYCLES.directVector);
  const stored = groups * blocks(outputs / groups) * pixels * CYCLES.directOutput;
  return pairs * (pixels * CYCLES.directProduct + CYCLES.directVector) + stored;
};

const winogradCycles: Estimate = (conv) => {
  const { n, h, w, oh, ow } = conv.geometry;
  const { inputs, outputs } = sides(conv);
  const [height, width] = conv.pass === 'gradInput' ? [h, w] : [oh, ow];
  const tiles = n * Math.ceil(height / TILE) * Math.ceil(width / TILE);
  const [from, to] = [blocks(inputs), blocks(outputs)];
  if (conv.pass === 'gradWeight') {
    const pairs = POINTS * from * LANES * to;
    const transforms = from * Math.ceil(to / GRAD_WEIGHT_GROUP) + to * Math.ceil(from / GRAD_WEIGHT_GROUP);
    return (
      tiles * (pairs * CYCLES.winogradGradWeight + transforms * CYCLES.tile) + pairs * CYCLES.winogradVector
    );
  }
  const pairs = POINTS * inputs * to;
  const products = Math.max(tiles, SIDE_BY_SIDE) * pairs * CYCLES.winogradProduct;
  return products + tiles * (from + to) * CYCLES.tile + pairs * CYCLES.winogradVector;
};

/** Forward from the few channels of a plain map. */
const fewWinogradCycles: Estimate = ({ geometry: { n, c, o, oh, ow } }) => {
  const [rows, columns] = [Math.ceil(oh / TILE), Math.ceil(ow / TILE)];
  const pairs = POINTS * c * blocks(o);
  const tile = pairs * CYCLES.winogradProduct + blocks(o) * CYCLES.fewTile;
  const runs = n * rows * Math.ceil(columns / FEW_RUN);
  return n * rows * columns * tile + runs * c * CYCLES.fewRun + pairs * CYCLES.winogradVector;
};

/** With stride 2, forward or the gradient of the input. */
const stridedWinogradCycles: Estimate = (conv) => {
  const { n, h, w, oh, ow, padding } = conv.geometry;
  const { inputs, outputs } = sides(conv);
  // Tiles of the gradient cover twice as much, from a pixel ahead where the padding is even.
  const tilesOf = (extent: number, output: number, pad: number) =>
    conv.pass === 'gradInput' ? Math.ceil((extent + 1 - (pad % 2)) / (2 * TILE)) : Math.ceil(output / TILE);
  const tiles = n * tilesOf(h, oh, padding[0]) * tilesOf(w, ow, padding[2]);
  const [from, to] = [blocks(inputs), blocks(outputs)];
  const products = Math.max(tiles, SIDE_BY_SIDE) * STRIDED_SLOTS * inputs * to * CYCLES.winogradProduct;
  return products + tiles * (from + to) * CYCLES.stridedTile + POINTS * inputs * to * CYCLES.winogradVector;
};

/** One product a channel and tap, and a load for each. */
const depthwiseCycles: Estimate = ({ geometry: { n, c, oh, ow, kh, kw } }) =>
  2 * n * blocks(c) * oh * ow * kh * kw;

/** The same of 16 neighbours in a row, for each pair of channels. */
const planesCycles: Estimate = ({ geometry: { n, c, o, oh, ow, kh, kw, groups } }) =>
  2 * n * ((c * o) / groups) * oh * Math.ceil(ow / LANES) * kh * kw;

function candidateCycles(conv: ConvStep): ConvChoice['cycles'] {
  const { geometry, pass, spikes } = conv;
  const direct = directCycles(conv);
  if (isDepthwise(geometry)) return { depthwise: depthwiseCycles(conv), direct };
  if (isPlanes(conv)) return { planes: planesCycles(conv), direct };
  if (spikes)
    return isPlain3x3(geometry) && pass === 'gradWeight'
      ? { winograd: winogradCycles(conv), direct }
      : { direct };
  if (isPlain3x3(geometry)) return { winograd: winogradCycles(conv), direct };
  if (isFew3x3(geometry) && pass === 'forward') return { winograd: fewWinogradCycles(conv), direct };
  if (isStrided3x3(geometry) && pass !== 'gradWeight')
    return { winograd: stridedWinogradCycles(conv), direct };
  return { direct };
}

/** Whether the gradient that comes in may hold zeros: that of a batch's statistics has a mean taken off everywhere. */
function mayBeSparse({ root }: Pick<Step, 'root'>): boolean {
  const norm = producer(root.inputs[0], 'batchNormGrad');
  return !(norm?.attrs as BatchNormAttrs | undefined)?.training;
}

/** Null where the step is no convolution. `prefer` is taken wherever it can be, for tests. */
export function chooseConv(step: Pick<Step, 'root' | 'nodes'>, prefer?: ConvAlgorithm): ConvChoice | null {
  const conv = convStep(step);
  if (!conv) return null;
  const { geometry, pass } = conv;
  const plain = isPlain3x3(geometry);
  const events = canRunOnSpikes(conv) || (plain && pass === 'gradInput' && mayBeSparse(step));
  const cycles = candidateCycles(conv);
  const candidates = CONV_ALGORITHMS.filter((algorithm) => cycles[algorithm] !== undefined);
  const cheapest = candidates.reduce((a, b) => ((cycles[b] ?? 0) < (cycles[a] ?? 0) ? b : a));
  if (!prefer || !candidates.includes(prefer)) return { algorithm: cheapest, events, cycles };
  // Without events, for else a test would not meet the algorithm that it asks for.
  return { algorithm: prefer, events: false, cycles };
}
