/**
 * The native engine: plans become programs of the C++ add-on. A session's variables and a program's io region
 * are the add-on's own memory, seen from here; a step is one call on a thread of Node's pool.
 */
import { availableParallelism } from 'node:os';
import { storageBytes } from '../../compile/layout.ts';
import type { Plan } from '../../compile/plan.ts';
import { mismatch, SomaError } from '../../errors.ts';
import type { Value, Variable } from '../../graph/value.ts';
import { size } from '../../graph/value.ts';
import type {
  Engine,
  EngineInfo,
  Feed,
  Fetched,
  Program,
  RunOptions,
  RunResult,
  Session,
} from '../engine.ts';
import { feedFor, withFiniteFeeds } from '../feed.ts';
import type { MemoryUse } from '../memory.ts';
import type { Addon, EngineHandle, ProgramHandle, SessionHandle } from './addon.ts';
import { requireAddon } from './addon.ts';
import { encodePlan, updates } from './encode.ts';
import { type Memory, pack, unpack, viewOf } from './pack.ts';

export interface NativeEngineOptions {
  /** Threads that compute, the calling one included; default SOMA_THREADS, else what the machine offers. */
  readonly threads?: number;
  /** Instruction set; default SOMA_ISA, else the best that the processor has. */
  readonly isa?: string;
}

const MAX_THREADS = 64;

/** Throws a SomaError where the add-on is not built, or has no such instruction set. */
export function createNativeEngine(options: NativeEngineOptions = {}): Engine {
  const addon = requireAddon();
  const available = addon.isas();
  const isa = options.isa ?? (process.env.SOMA_ISA || available[0]);
  if (!available.includes(isa))
    throw mismatch('native engine', `an instruction set of this machine (${available.join(', ')})`, isa);
  const threads = threadCount(options.threads);
  const handle = addon.createEngine(isa, threads);
  const info: EngineInfo = { name: 'native', isa, threads };
  return { info, createSession: () => new NativeSession(addon, handle) };
}

function threadCount(wanted: number | undefined): number {
  const threads = wanted ?? (process.env.SOMA_THREADS ? Number(process.env.SOMA_THREADS) : undefined);
  if (threads === undefined) return Math.min(MAX_THREADS, availableParallelism());
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS)
    throw mismatch('native engine', `1 to ${MAX_THREADS} threads`, threads, 'set --threads or SOMA_THREADS');
  return threads;
}

interface StoredVariable {
  readonly index: number;
  readonly buffer: ArrayBuffer;
  readonly data: Float32Array;
}

class NativeSession implements Session {
  private readonly addon: Addon;
  private readonly handle: SessionHandle;
  private readonly variables = new Map<string, StoredVariable>();
  private readonly programs: NativeProgram[] = [];
  private running: string | null = null;
  /** Counts what changed variables, so that a program knows whether its packed weights still hold. */
  changes = 0;
  private closed = false;

  constructor(addon: Addon, engine: EngineHandle) {
    this.addon = addon;
    this.handle = addon.createSession(engine);
  }

  load(plan: Plan): Program {
    this.expectIdle('load()');
    for (const variable of plan.variables) this.addVariable(variable);
    const { words, kernels } = encodePlan(plan, (name) => this.known(name).index);
    const { program, buffer } = this.addon.loadProgram(
      this.handle,
      words,
      kernels,
      plan.arenaBytes,
      plan.ioBytes,
    );
    const loaded = new NativeProgram(plan, this, program, buffer);
    this.programs.push(loaded);
    return loaded;
  }

  private addVariable(variable: Variable): void {
    const length = size(variable.shape);
    const present = this.variables.get(variable.name);
    if (present) {
      if (present.data.length !== length)
        throw mismatch(`load(${variable.name})`, `${present.data.length} numbers as before`, length);
      return;
    }
    const initial = variable.initial();
    if (initial.length !== length)
      throw mismatch(`load(${variable.name})`, `${length} initial numbers`, initial.length);
    const { index, buffer } = this.addon.addVariable(this.handle, length * Float32Array.BYTES_PER_ELEMENT);
    const data = new Float32Array(buffer, 0, length);
    data.set(initial);
    this.variables.set(variable.name, { index, buffer, data });
  }

  get variableNames(): readonly string[] {
    return [...this.variables.keys()];
  }

  readVariable(name: string): Float32Array {
    this.expectIdle(`readVariable(${name})`);
    return this.known(name).data.slice();
  }

  writeVariable(name: string, data: Float32Array): void {
    this.expectIdle(`writeVariable(${name})`);
    const target = this.known(name).data;
    if (data.length !== target.length)
      throw mismatch(`writeVariable(${name})`, `${target.length} numbers`, data.length);
    target.set(data);
    this.changes++;
  }

  memory(): MemoryUse {
    const [arena, scratch] = this.addon.memory(this.handle);
    const bytes = (buffers: { buffer: ArrayBuffer }[]) =>
      buffers.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
    return { variables: bytes([...this.variables.values()]), arena, io: bytes(this.programs), scratch };
  }

  close(): void {
    if (this.closed) return;
    this.expectIdle('close()');
    this.closed = true;
    const buffers = [...this.variables.values(), ...this.programs].map(({ buffer }) => buffer);
    this.addon.closeSession(
      this.handle,
      buffers,
      this.programs.map(({ handle }) => handle),
    );
    this.variables.clear();
    this.programs.length = 0;
  }

  /** Runs a program of this session; one at a time, because they share the arena. */
  run(plan: Plan, program: ProgramHandle, prepare: boolean, options: RunOptions): Promise<RunResult> {
    const seconds = options.profile ? new Float64Array(plan.steps.length) : undefined;
    return new Promise((resolve, reject) => {
      const done = (error: string | null, finite: boolean, nonFiniteStep: number) => {
        this.running = null;
        if (error !== null) reject(new SomaError(error));
        else resolve({ finite, nonFiniteStep: nonFiniteStep < 0 ? undefined : nonFiniteStep, seconds });
      };
      const { check = false, here = false } = options;
      this.running = plan.name;
      try {
        this.addon.run(program, prepare, check, seconds ?? null, done, here);
      } catch (error) {
        this.running = null;
        throw error;
      }
    });
  }

  expectIdle(where: string): void {
    if (this.closed) throw mismatch(where, 'an open session', 'a closed one');
    if (this.running !== null)
      throw mismatch(where, 'no run under way', this.running, 'await the promise of run()');
  }

  private known(name: string): StoredVariable {
    const variable = this.variables.get(name);
    if (!variable) throw new SomaError(`session: expected a variable of a loaded plan, got ${name}`);
    return variable;
  }
}

export class NativeProgram implements Program {
  readonly plan: Plan;
  readonly handle: ProgramHandle;
  readonly buffer: ArrayBuffer;
  private readonly session: NativeSession;
  /** Whether a run changes variables. */
  private readonly updates: boolean;
  /** The session's count of changes when weights were packed last. */
  private preparedAt: number | undefined;
  private readonly inputs: { name: string; value: Value; memory: Memory }[];

  constructor(plan: Plan, session: NativeSession, handle: ProgramHandle, buffer: ArrayBuffer) {
    this.plan = plan;
    this.session = session;
    this.handle = handle;
    this.buffer = buffer;
    this.updates = updates(plan);
    this.inputs = [...plan.inputs].map(([name, value]) => ({ name, value, memory: this.memoryOf(value) }));
    for (const value of plan.placements.keys())
      if (value.source.kind === 'constant') pack(value, value.source.data, this.memoryOf(value));
  }

  async run(feeds: Readonly<Record<string, Feed>>, options: RunOptions = {}): Promise<RunResult> {
    this.session.expectIdle(`run(${this.plan.name})`);
    for (const { name, value, memory } of this.inputs) {
      pack(value, feedFor(this.plan, name, value, feeds), memory);
    }
    const prepare = this.preparedAt !== this.session.changes;
    if (this.updates) this.session.changes++;
    this.preparedAt = this.updates ? undefined : this.session.changes;
    return withFiniteFeeds(this.plan, await this.session.run(this.plan, this.handle, prepare, options));
  }

  read(output: string): Fetched {
    this.session.expectIdle(`read(${output})`);
    const value = this.plan.outputs.get(output);
    if (!value) throw mismatch('read()', [...this.plan.outputs.keys()].join(' or '), output);
    if (value.source.kind === 'variable') return this.session.readVariable(value.source.variable.name);
    return unpack(value, this.memoryOf(value));
  }

  /** An input's, output's or constant's memory. */
  private memoryOf(value: Value): Memory {
    const placement = this.plan.placements.get(value);
    if (placement?.region !== 'io')
      throw new Error(`native engine: value ${value.id} is not in the io region of ${this.plan.name}`);
    return viewOf(value, this.buffer, placement.offset, storageBytes(value));
  }
}
