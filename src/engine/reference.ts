/**
 * The reference engine: executes a plan node by node with the ops' own plain loops. It is the oracle of the
 * conformance suite and what is left where the native engine is not built. It is never made faster.
 */
import { setImmediate } from 'node:timers/promises';
import type { Plan } from '../compile/plan.ts';
import { mismatch, SomaError } from '../errors.ts';
import type { Tensor, TensorData } from '../graph/op.ts';
import type { TensorType, Value } from '../graph/value.ts';
import { elements } from '../graph/value.ts';
import type { Engine, Feed, Fetched, Program, RunOptions, RunResult, Session } from './engine.ts';
import { feedFor, withFiniteFeeds } from './feed.ts';

export interface ReferenceOptions {
  /** `f64` keeps every f32 value in doubles: for gradient checks by finite differences. */
  readonly precision?: 'f32' | 'f64';
}

/** The engine's own face: with f64 precision results can be read before they are rounded. */
export interface ReferenceProgramFace extends Program {
  readDouble(output: string): Float64Array;
}

interface ReferenceEngine extends Engine {
  createSession(): Omit<Session, 'load'> & { load(plan: Plan): ReferenceProgramFace };
}

export function createReferenceEngine({ precision = 'f32' }: ReferenceOptions = {}): ReferenceEngine {
  const floats = precision === 'f32' ? Float32Array : Float64Array;
  return {
    info: { name: 'reference', isa: 'none', threads: 1 },
    createSession: () => new ReferenceSession(floats),
  };
}

type Floats = typeof Float32Array | typeof Float64Array;

class ReferenceSession implements Session {
  private readonly variables = new Map<string, Float32Array | Float64Array>();
  private readonly floats: Floats;
  private activationBytes = 0;

  constructor(floats: Floats) {
    this.floats = floats;
  }

  load(plan: Plan): ReferenceProgram {
    for (const variable of plan.variables)
      if (!this.variables.has(variable.name))
        this.variables.set(variable.name, this.floats.from(variable.initial()));
    const program = new ReferenceProgram(plan, this.variables, this.floats);
    this.activationBytes = Math.max(this.activationBytes, program.bytes);
    return program;
  }

  get variableNames(): readonly string[] {
    return [...this.variables.keys()];
  }

  readVariable(name: string): Float32Array {
    return Float32Array.from(this.known(name));
  }

  writeVariable(name: string, data: Float32Array): void {
    const target = this.known(name);
    if (data.length !== target.length)
      throw mismatch(`writeVariable(${name})`, `${target.length} numbers`, data.length);
    target.set(data);
  }

  memory() {
    const variables = [...this.variables.values()].reduce((sum, data) => sum + data.byteLength, 0);
    return { variables, arena: this.activationBytes, io: 0, scratch: 0 };
  }

  close(): void {
    this.variables.clear();
  }

  private known(name: string): Float32Array | Float64Array {
    const data = this.variables.get(name);
    if (!data) throw new SomaError(`session: expected a variable of a loaded plan, got ${name}`);
    return data;
  }
}

function allocate(type: TensorType, floats: Floats): TensorData {
  const n = elements(type);
  if (type.dtype === 'f32') return new floats(n);
  return type.dtype === 'i32' ? new Int32Array(n) : new Uint8Array(n);
}

class ReferenceProgram implements Program {
  readonly plan: Plan;
  readonly bytes: number;
  private readonly tensors = new Map<Value, Tensor>();

  constructor(plan: Plan, variables: ReadonlyMap<string, TensorData>, floats: Floats) {
    this.plan = plan;
    let bytes = 0;
    const hold = (value: Value, data: TensorData) => this.tensors.set(value, { type: value, data });
    const holdNew = (value: Value) => {
      if (this.tensors.has(value)) return;
      const data = allocate(value, floats);
      bytes += data.byteLength;
      hold(value, data);
    };
    for (const value of plan.inputs.values()) holdNew(value);
    for (const step of plan.steps) {
      for (const value of step.inputs) {
        if (value.source.kind === 'constant') hold(value, value.source.data);
        if (value.source.kind !== 'variable') continue;
        const data = variables.get(value.source.variable.name);
        if (data) hold(value, data);
      }
      for (const node of step.nodes) for (const value of node.outputs) holdNew(value);
    }
    this.bytes = bytes;
  }

  async run(feeds: Readonly<Record<string, Feed>>, options: RunOptions = {}): Promise<RunResult> {
    for (const [name, value] of this.plan.inputs) {
      this.dataOf(value).set(feedFor(this.plan, name, value, feeds));
    }
    // Not in the caller's tick, as with an engine that has threads.
    await setImmediate();
    const seconds = options.profile ? new Float64Array(this.plan.steps.length) : undefined;
    for (const [i, micro] of this.order()) {
      const step = this.plan.steps[i];
      if (i === this.plan.updatesFrom && (options.check || !this.plan.guards.every((g) => this.isFinite(g))))
        return { finite: this.plan.guards.every((g) => this.isFinite(g)), seconds };
      const start = performance.now();
      for (const { op, inputs, outputs, attrs } of step.nodes)
        op.reference({
          inputs: inputs.map((value) => (value ? (this.tensors.get(value) ?? null) : null)),
          outputs: outputs.map((value) => this.tensors.get(value) ?? null),
          attrs,
          micro,
        });
      if (seconds) seconds[i] += (performance.now() - start) / 1000;
      if (options.check && !step.outputs.every((value) => this.isFinite(value)))
        return { finite: false, nonFiniteStep: i, seconds };
    }
    const finite = this.plan.guards.every((g) => this.isFinite(g));
    return withFiniteFeeds(this.plan, { finite, seconds });
  }

  /** Steps in the order of execution, each with the index of its micro-batch. */
  private *order(): Generator<readonly [number, number]> {
    const { steps, loop } = this.plan;
    const [first, end] = loop ? [loop.first, loop.end] : [steps.length, steps.length];
    for (let i = 0; i < first; i++) yield [i, 0];
    for (let micro = 0; micro < (loop?.count ?? 0); micro++)
      for (let i = first; i < end; i++) yield [i, micro];
    for (let i = end; i < steps.length; i++) yield [i, 0];
  }

  readDouble(output: string): Float64Array {
    return Float64Array.from(this.outputData(output));
  }

  read(output: string): Fetched {
    const data = this.outputData(output);
    return data instanceof Float64Array ? Float32Array.from(data) : data.slice();
  }

  private outputData(output: string): TensorData {
    const value = this.plan.outputs.get(output);
    if (!value) throw mismatch('read()', [...this.plan.outputs.keys()].join(' or '), output);
    return this.dataOf(value);
  }

  private isFinite(value: Value): boolean {
    return value.dtype !== 'f32' || this.dataOf(value).every(Number.isFinite);
  }

  private dataOf(value: Value): TensorData {
    const tensor = this.tensors.get(value);
    if (!tensor) throw new Error(`reference engine: value ${value.id} is not in the plan ${this.plan.name}`);
    return tensor.data;
  }
}
