/** What lowering makes of a step: calls of kernels by name. native/kernels/*.cc says what each list means. */
import { align, isBlocked, storageBytes } from '../../compile/layout.ts';
import type { Loop, Step } from '../../compile/plan.ts';
import { mismatch } from '../../errors.ts';
import type { Node, TensorType, Value } from '../../graph/value.ts';
import { describe } from '../../graph/value.ts';

/** Memory that one kernel of a step writes and another reads; gone after the step unless it was prepared. */
export interface Temporary {
  readonly temporaryBytes: number;
}

/**
 * Memory in which a step of a loop adds up what its micro-batches give: one buffer a slot, zero before the
 * slot's first micro-batch. To a call that finishes, the buffers of all slots lie one after the other.
 */
export interface Accumulator {
  readonly slotBytes: number;
}

/** Where a kernel reads or writes: a value of the plan, or scratch of a step. */
export type Place = Value | Temporary;

export interface KernelCall {
  readonly kernel: string;
  /** Null where an optional buffer is absent. */
  readonly buffers: readonly (Place | Accumulator | null)[];
  readonly ints: readonly number[];
  readonly floats?: readonly number[];
  /** It reads nothing but variables, and what it writes holds until they change: packed weights. */
  readonly prepares?: true;
  /** Of a step in a loop: it runs once, after the last micro-batch. */
  readonly finishes?: true;
}

/** The value if the plan stores it, else null. */
export type Stored = (value: Value | undefined) => Value | null;

/**
 * Turns a step into kernel calls, which run in order. `loop` is that in which the step stands, or null; `keeps`
 * says whether what is prepared from variables serves more than one call.
 */
export type Lower = (step: Step, stored: Stored, loop: Loop | null, keeps: boolean) => KernelCall[];

/** The loop of a step that can stand nowhere else. */
export function neededLoop({ root }: Step, loop: Loop | null): Loop {
  if (!loop) throw mismatch(`${root.op.name}()`, 'a step in a loop over micro-batches', 'one outside');
  return loop;
}

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

/** A buffer a slot for sums as large as a value. */
export function accumulator(type: TensorType): Accumulator {
  return { slotBytes: align(storageBytes(type)) };
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
