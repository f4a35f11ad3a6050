/**
 * Fusion around attention, which scales maps, y = x·s: channel attention reads the mean or maximum of each map and
 * scales that, spatial attention those of the channels of each pixel.
 *
 * Its gradient with respect to x is a sum of up to three terms, one of the size of x: g·s, the mean's gradient
 * stretched over what it is the mean of, and the maximum's at its place. Kernels add them up while they read g.
 */
import type { Node, Value } from '../graph/value.ts';
import type { BroadcastAttrs } from '../ops/reduce.ts';
import type { OpName } from '../ops/table.ts';
import { isBlocked } from './layout.ts';
import { isPerMap, isPerPixel, producer, reducesChannels, reducesMaps, sameType } from './match.ts';

export interface AttentionGradient {
  /** What the sum is made of, in order of execution; empty where it is `g` itself. */
  readonly nodes: readonly Node[];
  /** The only term of full size. */
  readonly g: Value;
  readonly scale?: Value;
  readonly offset?: Value;
  /** Of the offset. */
  readonly factor?: number;
  /** reduceMaxGrad: x, its maxima and their gradient. */
  readonly maximum?: Node;
}

type Terms = Omit<AttentionGradient, 'g'> & { readonly g?: Value };
type Within = (node: Node) => boolean;

/** What an attention has one number for. */
interface Kind {
  holds(value: Value, maps: Value): boolean;
  reduces(node: Node): boolean;
}
const MAPS: Kind = { holds: isPerMap, reduces: reducesMaps };
const PIXELS: Kind = { holds: isPerPixel, reduces: reducesChannels };

/** Reads `value` as such a sum behind channel attention, made of nodes that are `within`. */
export const channelGradient = (value: Value, within: Within) => gradientOf(value, within, MAPS);

/** … behind spatial attention. */
export const pixelGradient = (value: Value, within: Within) => gradientOf(value, within, PIXELS);

function gradientOf(value: Value, within: Within, kind: Kind): AttentionGradient {
  const terms = isBlocked(value) ? termsOf(value, within, kind) : undefined;
  return terms?.g ? { ...terms, g: terms.g } : { nodes: [], g: value };
}

function termsOf(value: Value, within: Within, kind: Kind): Terms | undefined {
  const made = (op: OpName) => producer(value, op, within);
  const sum = made('add');
  if (sum) {
    const [a, b] = sum.inputs;
    if (!a || !b || !sameType(a, b)) return { nodes: [], g: value };
    const merged = merge(termsOf(a, within, kind), termsOf(b, within, kind));
    return merged ? { ...merged, nodes: [...merged.nodes, sum] } : { nodes: [], g: value };
  }
  const scaled = made('mul');
  if (scaled) {
    const [g, scale] = scaled.inputs;
    if (g && scale && sameType(g, value) && kind.holds(scale, value)) return { nodes: [scaled], g, scale };
  }
  const stretched = made('broadcastTo');
  if (stretched) {
    const [offset] = stretched.inputs;
    const { scale: factor } = stretched.attrs as BroadcastAttrs;
    if (offset && kind.holds(offset, value)) return { nodes: [stretched], offset, factor };
  }
  const maximum = made('reduceMaxGrad');
  if (maximum && kind.reduces(maximum) && maximum.inputs[0]?.dtype === 'f32')
    return { nodes: [maximum], maximum };
  return { nodes: [], g: value };
}

/** Both together, unless they have a term of the same kind. */
function merge(a: Terms | undefined, b: Terms | undefined): Terms | undefined {
  if (!a || !b) return undefined;
  const both = (['g', 'offset', 'maximum', 'scale'] as const).some((term) => a[term] && b[term]);
  return both ? undefined : { ...a, ...b, nodes: [...a.nodes, ...b.nodes].sort((x, y) => x.id - y.id) };
}

/** The node that makes floats of the spikes that `product` scales map by map, or sums into `dot`: kernels read the spikes. */
export function readSpikes(product: Node, dot: Node | undefined): Node | undefined {
  const [y] = product.outputs;
  const casts = product.inputs.map((input) => producer(input, 'cast'));
  const i = casts.findIndex((cast) => cast !== undefined);
  const [cast, other] = [casts[i], product.inputs[1 - i]];
  if (!cast || !other || !isBlocked(y) || !sameType(cast.outputs[0], y)) return undefined;
  return dot || isPerMap(other, y) ? cast : undefined;
}

/** Mean and maximum of the same maps: one pass gives both. */
export const mapSummaries = (x: Value, readers: readonly Node[]) => summaries(x, readers, MAPS);

/** … of the channels of the same pixels. */
export const pixelSummaries = (x: Value, readers: readonly Node[]) => summaries(x, readers, PIXELS);

function summaries(x: Value, readers: readonly Node[], kind: Kind): Node[] {
  if (!isBlocked(x) || x.dtype !== 'f32') return [];
  return (['reduceMean', 'reduceMax'] satisfies OpName[]).flatMap(
    (op) => readers.find((node) => node.op.name === op && kind.reduces(node)) ?? [],
  );
}

/** The gradient of a scale: products summed over each map. */
export const isMapDot = (product: Node, sum: Node | undefined) => isDot(product, sum, MAPS);

/** … over the channels of each pixel. */
export const isPixelDot = (product: Node, sum: Node | undefined) => isDot(product, sum, PIXELS);

function isDot(product: Node, sum: Node | undefined, kind: Kind): boolean {
  const [a, b] = product.inputs;
  const products = a !== null && b !== null && isBlocked(a) && sameType(a, b);
  return products && sum?.op.name === 'reduceSum' && kind.reduces(sum);
}
