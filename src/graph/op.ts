/**
 * The contract of an op. Everything Soma knows about it stands in one object in one file: its shape
 * rule, its gradient rule, its cost and a reference kernel that is obviously right.
 */
import type { Node, TensorType, Value } from './value.ts';

/** A tensor in the reference engine: contiguous, time outermost; spikes one byte each. */
export interface Tensor {
  readonly type: TensorType;
  readonly data: TensorData;
}

/** f32 is held in doubles where a test wants finite differences. */
export type TensorData = Float32Array | Float64Array | Int32Array | Uint8Array;

export interface ReferenceArgs<A> {
  readonly inputs: readonly (Tensor | null)[];
  /** Null where nobody reads the output. */
  readonly outputs: readonly (Tensor | null)[];
  readonly attrs: A;
  /** Index of the micro-batch at hand; 0 outside of a loop. */
  readonly micro: number;
}

export interface GradientArgs<A> {
  readonly node: Node;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  readonly attrs: A;
  /** Gradient of the loss with respect to each output; null where it is zero. */
  readonly grads: readonly (Value | null)[];
  /** Whether anything before input `i` wants a gradient. */
  needs(i: number): boolean;
}

/**
 * `A` is the type of the op's attributes. Methods rather than function properties, so that a list of
 * ops with different attributes can be typed.
 */
export interface OpDef<A extends object = object> {
  readonly name: string;
  /** Types of the outputs. Throws a SomaError where inputs or attributes do not fit. */
  infer(inputs: readonly (TensorType | null)[], attrs: A): readonly TensorType[];
  /**
   * Gradient for each input, null where there is none. Ops that are themselves gradients have no rule, but for that of
   * a convolution's input, which is a transposed convolution.
   */
  gradient?(args: GradientArgs<A>): readonly (Value | null)[];
  /** Multiply–accumulates of one call; ops that do not multiply a matrix count as zero. */
  macs?(node: { inputs: readonly (TensorType | null)[]; outputs: readonly TensorType[]; attrs: A }): number;
  /** Plain loops with double accumulators: the oracle that every engine is held against. */
  reference(args: ReferenceArgs<A>): void;
  /**
   * Whether a row of the result may depend on other rows of the batch, or on its place in it. A batch with such
   * an op cannot be cut into micro-batches.
   */
  couplesRows?(attrs: A): boolean;
  /** Indices of inputs (variables) that the op updates in place; such an op is never dead. */
  mutates?(attrs: A): readonly number[];
}
