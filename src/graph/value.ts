/**
 * Values and nodes: what a computation is made of.
 *
 * A value has a shape that is known when it is traced, a dtype, and either a time axis or none. The time
 * axis is not part of `shape`: it is stored folded into the batch, time outermost, so that an op that
 * does not care about time sees one larger batch.
 */
import type { Graph } from './graph.ts';
import type { OpDef } from './op.ts';

/** `spike` is binary and stored as bits; `u8` holds window indices of maxima. */
export type DType = 'f32' | 'i32' | 'u8' | 'spike';

/** `map`: feature maps, NCHW, which an engine may store channel-blocked. `flat`: rows, as written. */
export type Format = 'map' | 'flat';

export interface TensorType {
  readonly dtype: DType;
  /** Without time; activations start with the batch. */
  readonly shape: readonly number[];
  /** Number of time steps, or null where the value has no time axis. */
  readonly time: number | null;
  readonly format: Format;
}

export interface Value extends TensorType {
  readonly id: number;
  readonly graph: Graph;
  readonly source: Source;
}

export type Source =
  | { readonly kind: 'node'; readonly node: Node; readonly index: number }
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'variable'; readonly variable: Variable }
  | { readonly kind: 'constant'; readonly data: Float32Array }
  /** Another value, through which no gradient passes; nodes are given that one. */
  | { readonly kind: 'stopped'; readonly value: Value };

export interface Node {
  readonly id: number;
  readonly op: OpDef;
  readonly inputs: readonly (Value | null)[];
  /** Indices of inputs through which no gradient passes. */
  readonly stops: ReadonlySet<number>;
  readonly outputs: readonly Value[];
  readonly attrs: object;
  /** Name of the layer that made the node, e.g. `conv1`; empty outside any layer. */
  readonly scope: string;
}

/**
 * What lives longer than a step. `parameter`: trained. `state`: updated by the forward pass, such as
 * running means. `slot`: belongs to an optimizer.
 */
export interface Variable {
  readonly name: string;
  readonly kind: 'parameter' | 'state' | 'slot';
  readonly shape: readonly number[];
  /** First value, made from the seed of the run. */
  readonly initial: () => Float32Array;
  /** A state that has its first value again at the start of each pass over data. */
  readonly perPass?: boolean;
  /** A state that no step changes: a constant of the options, and nothing that was learnt. */
  readonly fixed?: boolean;
}

/** Number of elements of one time step. */
export function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Number of elements over all time steps. */
export function elements(type: TensorType): number {
  return size(type.shape) * (type.time ?? 1);
}

/** A dense f32 type: rank 4 is a feature map, anything else is flat. */
export function f32(shape: readonly number[], time: number | null = null): TensorType {
  return { dtype: 'f32', shape, time, format: shape.length === 4 ? 'map' : 'flat' };
}

export function describe(type: TensorType): string {
  const time = type.time === null ? '' : `T=${type.time} `;
  return `${type.dtype} ${time}[${type.shape.join('×')}]`;
}
