/** A step that is a convolution, or one of its two gradients, as its kernels see it. */
import type { Node, Value } from '../graph/value.ts';
import { type Conv2dAttrs, type Conv2dGradAttrs, type ConvGeometry, convGeometry } from '../ops/conv2d.ts';
import { isBlocked } from './layout.ts';
import type { Step } from './plan.ts';

export type ConvPass = 'forward' | 'gradInput' | 'gradWeight';

/** The one tap of a filter that meets the map, where all others meet only padding, as in 3×3 on maps of one pixel. */
export interface SoleTap {
  /** Filters: pairs of an output channel and an input channel of its group. */
  readonly filters: number;
  readonly taps: number;
  readonly tap: number;
}

export interface ConvStep {
  readonly pass: ConvPass;
  /** As kernels compute it: 1×1 where only one tap is left. */
  readonly geometry: ConvGeometry;
  readonly soleTap: SoleTap | null;
  /** What it reads: x, or for the gradient of x the gradient that comes in. */
  readonly spikes: boolean;
  readonly relu: boolean;
  /** A 2×2 maximum behind the convolution, or undone before its gradient. */
  readonly pool: Node | null;
}

/** The node of a step that has this op and is not its root. */
export function fusedNode(step: Pick<Step, 'root' | 'nodes'>, op: string): Node | undefined {
  return step.nodes.find((node) => node !== step.root && node.op.name === op);
}

function soleTap({ o, c, groups, h, w, oh, ow, kh, kw, padding, dilation }: ConvGeometry): SoleTap | null {
  const [y, x] = [padding[0] / dilation[0], padding[2] / dilation[1]];
  const onePixel = [h, w, oh, ow].every((n) => n === 1) && kh * kw > 1;
  if (!onePixel || !Number.isInteger(y) || !Number.isInteger(x) || y >= kh || x >= kw) return null;
  return { filters: o * (c / groups), taps: kh * kw, tap: y * kw + x };
}

/** Without the taps that meet only padding. Spikes that are none cost nothing as it is. */
function trimmed(geometry: ConvGeometry, spikes: boolean): Pick<ConvStep, 'geometry' | 'soleTap'> {
  const sole = spikes ? null : soleTap(geometry);
  if (!sole) return { geometry, soleTap: null };
  const one = { kh: 1, kw: 1, stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1] } as const;
  return { geometry: { ...geometry, ...one }, soleTap: sole };
}

/** Null where the step is something else. */
export function convStep(step: Pick<Step, 'root' | 'nodes'>): ConvStep | null {
  const { root } = step;
  const [first, second] = root.inputs;
  if (!first || !second) return null;
  const spikes = first.dtype === 'spike';
  switch (root.op.name) {
    case 'conv2d':
      return {
        pass: 'forward',
        ...trimmed(convGeometry(first.shape, second.shape, root.attrs as Conv2dAttrs, first.time), spikes),
        spikes,
        relu: fusedNode(step, 'relu') !== undefined,
        pool: fusedNode(step, 'maxPool2d') ?? null,
      };
    case 'conv2dGradInput':
    case 'conv2dGradWeight': {
      const attrs = root.attrs as Conv2dGradAttrs;
      const input = root.op.name === 'conv2dGradInput';
      const [x, w] = input ? [attrs.target, second.shape] : [first.shape, attrs.target];
      return {
        pass: input ? 'gradInput' : 'gradWeight',
        ...trimmed(convGeometry(x, w, attrs, first.time), spikes),
        spikes,
        relu: false,
        pool: fusedNode(step, 'maxPool2dGrad') ?? null,
      };
    }
    default:
      return null;
  }
}

const blocked = (channels: number) =>
  isBlocked({ dtype: 'f32', shape: [1, channels, 1, 1], time: null, format: 'map' });

/** 3×3 to blocked maps, the same stride both ways. */
function is3x3(g: ConvGeometry, stride: number): boolean {
  const threes = g.kh === 3 && g.kw === 3 && g.stride.every((n) => n === stride);
  const plain = [...g.dilation, g.groups].every((n) => n === 1);
  return threes && plain && g.padding.every((n) => n <= 2) && blocked(g.o);
}

/** With stride 1: what Winograd's algorithm and the event-driven kernels are made for. */
export function isPlain3x3(g: ConvGeometry): boolean {
  return is3x3(g, 1) && blocked(g.c);
}

/** The same from the few channels of a plain map, as a first layer has: Winograd's algorithm, forward. */
export function isFew3x3(g: ConvGeometry): boolean {
  return is3x3(g, 1) && !blocked(g.c);
}

/** With stride 2: Winograd's algorithm has a form for it, but for the gradient of the weights. */
export function isStrided3x3(g: ConvGeometry): boolean {
  return is3x3(g, 2) && blocked(g.c);
}

/** The most taps whose weights the event-driven kernels for any shape can number (native/kernels/conv_gather.h). */
const MOST_GATHERED_TAPS = 4096;

/** Whether there are kernels that sum just the weights or gradients of neurons that fired. */
export function canRunOnSpikes(conv: ConvStep): boolean {
  const { groups, kh, kw } = conv.geometry;
  return conv.spikes && conv.pass !== 'gradInput' && groups === 1 && kh * kw <= MOST_GATHERED_TAPS;
}

/** One filter a channel, over blocked maps. */
export function isDepthwise(g: ConvGeometry): boolean {
  return g.groups > 1 && g.groups === g.c && g.o === g.c && blocked(g.c);
}

/** Between plain maps, those of few channels. */
export function isPlanes({ geometry: g, pool, spikes }: ConvStep): boolean {
  return !(blocked(g.c) || blocked(g.o) || pool || spikes);
}

/** The gradient that reaches a convolution: as it is, or before a maximum is undone. */
export function incomingGradient(step: Step, index: number): { g: Value; argmax: Value | null } {
  const unpool = fusedNode(step, 'maxPool2dGrad');
  const [g, argmax] = unpool ? unpool.inputs : [step.root.inputs[index], null];
  if (!g) throw new Error(`${step.root.op.name}: no gradient`);
  return { g, argmax };
}
