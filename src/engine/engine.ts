/**
 * The contract of an engine. An engine executes plans; it decides nothing about them.
 *
 * A session holds variables (parameters, state, optimizer slots) by name. Programs loaded into it share
 * them, so that the plans for a full batch, the last batch of an epoch and for evaluation train and read
 * one set of weights.
 */

import type { Plan } from '../compile/plan.ts';
import type { MemoryUse } from './memory.ts';

export interface EngineInfo {
  readonly name: 'native' | 'reference';
  /** Instruction set that was chosen, e.g. `avx512`; `none` for the reference. */
  readonly isa: string;
  readonly threads: number;
}

export interface Engine {
  readonly info: EngineInfo;
  createSession(): Session;
}

export interface Session {
  /** Prepares a plan. Variables that the session does not know yet get their initial values. */
  load(plan: Plan): Program;
  /** A copy of a variable, in the shape it was declared with. */
  readVariable(name: string): Float32Array;
  writeVariable(name: string, data: Float32Array): void;
  readonly variableNames: readonly string[];
  memory(): MemoryUse;
  /** Frees everything at once. Running programs must have ended. */
  close(): void;
}

export type Feed = Float32Array | Int32Array;
export type Fetched = Float32Array | Int32Array | Uint8Array;

export interface RunOptions {
  /** Look at every float after every step, and update nothing: finds where a NaN comes from. */
  readonly check?: boolean;
  /** Measure each step; `RunResult.seconds` is then set. */
  readonly profile?: boolean;
  /**
   * Compute on the thread that calls, so that no other JavaScript runs meanwhile: for steps of a millisecond or less,
   * where handing over to another thread and back (some 50 µs) is felt. An engine without threads ignores it.
   */
  readonly here?: boolean;
}

export interface RunResult {
  /** False where loss or gradients were not finite; then nothing was updated. */
  readonly finite: boolean;
  /** With `check`: index of the first plan step that wrote a number that is not finite. */
  readonly nonFiniteStep?: number;
  readonly seconds?: Float64Array;
}

export interface Program {
  readonly plan: Plan;
  /**
   * One step. Every input of the plan is fed, contiguous and in the order of its shape (maps as NCHW);
   * feeds are copied before the call returns its promise. Results stay readable until the next run. A prediction
   * of a spiking network throws where its images are not finite; a dense network makes NaN of NaN.
   */
  run(feeds: Readonly<Record<string, Feed>>, options?: RunOptions): Promise<RunResult>;
  /** A copy of an output, contiguous in the order of its shape with time outermost; spikes one byte each. */
  read(output: string): Fetched;
}
