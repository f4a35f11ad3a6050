/**
 * Fusion around channel attention, which reads the mean or maximum of each map and scales it: y = x·s.
 *
 * Its gradient with respect to x is a sum of up to three terms, one of the size of x: g·s, the mean's gradient
 * stretched over the map, and the maximum's at its place. Kernels add them up while they read g.
 */
import type { Node, Value } from '../graph/value.ts';
import type { BroadcastAttrs } from '../ops/reduce.ts';
import type { OpName } from '../ops/table.ts';
import { isBlocked } from './layout.ts';
import { isPerMap, producer, reducesMaps, sameType } from './match.ts';

export interface ChannelGradient {
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

type Terms = Omit<ChannelGradient, 'g'> & { readonly g?: Value };

/** Reads `value` as such a sum, made of nodes that are `within`. */
export function channelGradient(value: Value, within: (node: Node) => boolean): ChannelGradient {
  const terms = isBlocked(value) ? termsOf(value, within) : undefined;
  return terms?.g ? { ...terms, g: terms.g } : { nodes: [], g: value };
}

function termsOf(value: Value, within: (node: Node) => boolean): Terms | undefined {
  const made = (op: OpName) => producer(value, op, within);
  const sum = made('add');
  if (sum) {
    const [a, b] = sum.inputs;
    if (!a || !b || !sameType(a, b)) return { nodes: [], g: value };
    const merged = merge(termsOf(a, within), termsOf(b, within));
    return merged ? { ...merged, nodes: [...merged.nodes, sum] } : { nodes: [], g: value };
  }
  const scaled = made('mul');
  if (scaled) {
    const [g, scale] = scaled.inputs;
    if (g && scale && sameType(g, value) && isPerMap(scale, value)) return { nodes: [scaled], g, scale };
  }
  const stretched = made('broadcastTo');
  if (stretched) {
    const [offset] = stretched.inputs;
    const { scale: factor } = stretched.attrs as BroadcastAttrs;
    if (offset && isPerMap(offset, value)) return { nodes: [stretched], offset, factor };
  }
  const maximum = made('reduceMaxGrad');
  if (maximum && reducesMaps(maximum) && maximum.inputs[0]?.dtype === 'f32')
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
export function mapSummaries(x: Value, readers: readonly Node[]): Node[] {
  if (!isBlocked(x) || x.dtype !== 'f32') return [];
  return (['reduceMean', 'reduceMax'] satisfies OpName[]).flatMap(
    (op) => readers.find((node) => node.op.name === op && reducesMaps(node)) ?? [],
  );
}

/** The gradient of a scale: products summed over each map. */
export function isMapDot(product: Node, sum: Node | undefined): sum is Node {
  const [a, b] = product.inputs;
  return (
    sum?.op.name === 'reduceSum' &&
    a !== null &&
    b !== null &&
    isBlocked(a) &&
    sameType(a, b) &&
    reducesMaps(sum)
  );
}
