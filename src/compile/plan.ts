/**
 * A plan: the flat list of steps that an engine executes, and where each value lies. Everything that can
 * be decided before the first batch is decided in it.
 */
import type { Node, Value, Variable } from '../graph/value.ts';
import type { ConvChoice } from './choose.ts';

/**
 * One kernel call. `nodes` are executed as one, in order; `root` is the node that gives the step its
 * kernel, the others are what has been fused into it. Values between them are never stored.
 */
export interface Step {
  readonly root: Node;
  readonly nodes: readonly Node[];
  /** Values that are read and lie outside the step. */
  readonly inputs: readonly Value[];
  /** Values that later steps, or the caller, read. */
  readonly outputs: readonly Value[];
  /** The kernels of a convolution. */
  readonly conv?: ConvChoice;
}

/**
 * `variables` live as long as the session, `io` as long as the program; what lies in the `arena` is
 * gone after the step, and programs of one session share it.
 */
export type Region = 'variables' | 'arena' | 'io';

export interface Placement {
  readonly region: Region;
  /** Bytes from the start of the region; for variables the engine decides, and this is 0. */
  readonly offset: number;
  readonly bytes: number;
}

export interface Plan {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Steps from this one on update variables; they are skipped where `guards` are not finite. */
  readonly updatesFrom: number;
  /** Loss and gradients. */
  readonly guards: readonly Value[];
  readonly placements: ReadonlyMap<Value, Placement>;
  readonly inputs: ReadonlyMap<string, Value>;
  readonly outputs: ReadonlyMap<string, Value>;
  readonly variables: readonly Variable[];
  readonly arenaBytes: number;
  readonly ioBytes: number;
}
