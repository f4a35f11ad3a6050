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
 * gone after the step, and programs of one session share it. `micro` is what one micro-batch needs: each
 * thread has one.
 */
export type Region = 'variables' | 'arena' | 'io' | 'micro';

export interface Placement {
  readonly region: Region;
  /** Bytes from the start of the region; for variables the engine decides, and this is 0. */
  readonly offset: number;
  readonly bytes: number;
  /** Bytes from one micro-batch's rows to the next's, where the value is a part of a larger one; else 0. */
  readonly stride: number;
}

/** Steps `first` to `end` − 1 run once for each micro-batch, on as many threads as there are. */
export interface Loop {
  readonly first: number;
  readonly end: number;
  /** Micro-batches in a batch. */
  readonly count: number;
  /**
   * Sums over micro-batches are made in so many parts, each over a run of neighbours and in order, and the
   * parts are then added in order: the same bits whatever the number of threads.
   */
  readonly slots: number;
}

export interface Plan {
  readonly name: string;
  readonly steps: readonly Step[];
  /** The part of the step that runs micro-batch by micro-batch, or null. */
  readonly loop: Loop | null;
  /** Steps from this one on update variables; they are skipped where `guards` are not finite. */
  readonly updatesFrom: number;
  /** Loss and gradients. */
  readonly guards: readonly Value[];
  readonly placements: ReadonlyMap<Value, Placement>;
  readonly inputs: ReadonlyMap<string, Value>;
  readonly outputs: ReadonlyMap<string, Value>;
  readonly variables: readonly Variable[];
  readonly arenaBytes: number;
  /** Of the region `micro`, for one thread. */
  readonly microBytes: number;
  readonly ioBytes: number;
}
