/** Recognising nodes, for rules that fuse and for the lowering of what they made. */
import type { Node, TensorType, Value } from '../graph/value.ts';
import type { PoolAttrs } from '../ops/pool.ts';
import type { ReduceAttrs } from '../ops/reduce.ts';
import type { OpName } from '../ops/table.ts';
import { isMap } from './layout.ts';

/** Who reads which values, as far as rules that fuse have to know. */
export interface Uses {
  /** The only node that reads the value, or undefined where there are others or the caller reads it. */
  soleConsumer(value: Value): Node | undefined;
  /** Nodes that read the value and are not yet in a step. */
  consumers(value: Value): readonly Node[];
  /** All nodes that read the value; null where the caller does, too. */
  readers(value: Value): readonly Node[] | null;
  /** Whether the value is there when a node runs. */
  precedes(value: Value, node: Node): boolean;
}

export const anywhere = () => true;

/** The node that makes a value, if it is one of this op and `within` what the caller looks at. */
export function producer(
  value: Value | null | undefined,
  op: OpName,
  within: (node: Node) => boolean = anywhere,
): Node | undefined {
  if (value?.source.kind !== 'node') return undefined;
  const { node } = value.source;
  return node.op.name === op && within(node) ? node : undefined;
}

export function sameType(a: TensorType, b: TensorType): boolean {
  return (
    a.dtype === b.dtype && a.time === b.time && a.format === b.format && a.shape.join() === b.shape.join()
  );
}

/** Whether `sum` adds to the result of `root` what lies as that does, and is there before `root` runs. */
export function canAdd(root: Node, sum: Node, uses: Uses): boolean {
  if (sum.op.name !== 'add') return false;
  const [y] = root.outputs;
  const other = otherSummand(sum, y);
  return other !== null && sameType(other, y) && uses.precedes(other, root);
}

export function otherSummand(sum: Node, y: Value): Value | null {
  return sum.inputs[0] === y ? sum.inputs[1] : sum.inputs[0];
}

/** Windows of 2×2 side by side: the pool that kernels do on the fly. */
export function isHalvingPool(node: Node, name: OpName): boolean {
  if (node.op.name !== name || node.inputs[0]?.dtype !== 'f32') return false;
  const { kernel, stride, padding } = node.attrs as PoolAttrs;
  return [...kernel, ...stride].every((n) => n === 2) && padding.every((n) => n === 0);
}

/** Whether a reduction makes one number of each map. */
export const reducesMaps = (node: Node) => reducesAxes(node, '2,3');

/** Whether a reduction makes one number of all channels of a pixel. */
export const reducesChannels = (node: Node) => reducesAxes(node, '1');

function reducesAxes(node: Node, wanted: string): boolean {
  const { axes, time } = node.attrs as ReduceAttrs;
  const [x] = node.inputs;
  return x != null && isMap(x) && !time && [...axes].sort().join() === wanted;
}

/** Whether `value`, [N, C, 1, 1], holds one number for each map of `maps`. */
export function isPerMap(value: TensorType, maps: TensorType): boolean {
  const [n, c] = maps.shape;
  return isMapOf(value, [n, c, 1, 1], maps);
}

/** Whether `value`, [N, 1, H, W], holds one number for each pixel of `maps`. */
export function isPerPixel(value: TensorType, maps: TensorType): boolean {
  const [n, , h, w] = maps.shape;
  return isMapOf(value, [n, 1, h, w], maps);
}

function isMapOf(value: TensorType, shape: readonly number[], { time }: TensorType): boolean {
  const fits = value.shape.join() === shape.join();
  return fits && isMap(value) && value.dtype === 'f32' && value.time === time;
}
