/** What lowering makes of a step: calls of kernels by name. native/kernels/*.cc says what each list means. */
import { align, isBlocked, storageBytes } from '../../compile/layout.ts';
import type { Step } from '../../compile/plan.ts';
import { mismatch } from '../../errors.ts';
import type { Node, TensorType, Value } from '../../graph/value.ts';
import { describe } from '../../graph/value.ts';

/** Memory that one kernel of a step writes and another reads: one a step, gone after it. */
export interface Temporary {
  readonly temporaryBytes: number;
}

export interface KernelCall {
  readonly kernel: string;
  /** Null where an optional buffer is absent. */
  readonly buffers: readonly (Value | Temporary | null)[];
  readonly ints: readonly number[];
  readonly floats?: readonly number[];
  /** It reads nothing but variables, and what it writes holds until they change: packed weights. */
  readonly prepares?: true;
}

/** The value if the plan stores it, else null. */
export type Stored = (value: Value | undefined) => Value | null;

/** Turns a step into kernel calls, which run in order. */
export type Lower = (step: Step, stored: Stored) => KernelCall[];

/** An input that the op cannot do without. */
export function needed(node: Node, index: number): Value {
  const value = node.inputs[index];
  if (!value) throw mismatch(`${node.op.name}()`, `input ${index}`, 'nothing');
  return value;
}

/** Room for a value that the plan does not store. */
export function temporary(type: TensorType): Temporary {
  return { temporaryBytes: align(storageBytes(type)) };
}

/** Steps of time folded into the batch: rows or images of a value. */
export function images(type: TensorType): number {
  return (type.time ?? 1) * type.shape[0];
}

/** Weights and optimizer slots must lie as they are declared. */
export function expectPlain(where: string, type: TensorType): void {
  if (isBlocked(type))
    throw mismatch(`native ${where}()`, 'a flat value', `the feature map ${describe(type)}`);
}

export const flag = (on: boolean): number => (on ? 1 : 0);
