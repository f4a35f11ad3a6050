/**
 * Executes a conformance case on the reference engine and on native ones, and compares. Without a test runner, so
 * that it also runs where there is none (an emulated processor).
 *
 * Floats agree within 1e-5 of the largest, those of whole networks within 1e-4 (their gradients are sums of
 * chains of ops, which cancel); spikes and indices are equal; and the number of threads changes no bit.
 * Outputs are filled with garbage before each run, so what a kernel forgets to write is seen.
 */
import { CONV_ALGORITHMS } from '../../compile/choose.ts';
import { compile } from '../../compile/compile.ts';
import { isBlocked, LANES, storageBytes } from '../../compile/layout.ts';
import type { Plan } from '../../compile/plan.ts';
import type { Engine, Feed, Fetched } from '../engine.ts';
import { createNativeEngine, NativeProgram } from '../native/native.ts';
import { viewOf } from '../native/pack.ts';
import { createReferenceEngine } from '../reference.ts';
import { type Case, Tracing } from './case.ts';

export const OP_TOLERANCE = 1e-5;
export const NETWORK_TOLERANCE = 1e-4;
const THREADS = [1, 2, 3];

/** Engines of one instruction set, each with another number of threads. */
export interface Contestant {
  readonly isa: string;
  readonly engines: readonly Engine[];
}

export function contestants(isas: readonly string[], threads: readonly number[] = THREADS): Contestant[] {
  return isas.map((isa) => ({
    isa,
    engines: threads.map((count) => createNativeEngine({ isa, threads: count })),
  }));
}

const reference = createReferenceEngine();

/** @throws Error saying what differs */
export async function checkCase(
  { name, trace }: Case,
  tolerance: number,
  native: readonly Contestant[],
): Promise<void> {
  const tracing = new Tracing(name);
  trace(tracing);
  const plans = distinctPlans(tracing, name);
  const wanted = await execute(reference, plans[0], tracing.feeds);
  for (const plan of plans)
    for (const { isa, engines } of native) {
      const results = await Promise.all(engines.map((engine) => execute(engine, plan, tracing.feeds)));
      for (const [output, expected] of wanted) {
        const [single, ...others] = results.map((result) => result.get(output));
        if (!single) throw new Error(`no output ${output}`);
        expectClose(single, expected, tolerance, `${isa} ${output}`);
        for (const other of others)
          if (!other || Buffer.compare(bytes(other), bytes(single)) !== 0)
            throw new Error(`${isa} ${output}: expected the same bits on all numbers of threads, got others`);
      }
    }
}

/** Plans with and without fusion, and with each algorithm for convolutions, as far as they differ. */
function distinctPlans(tracing: Tracing, name: string): Plan[] {
  const plans = new Map<string, Plan>();
  for (const fuse of [false, true])
    for (const prefer of [undefined, ...CONV_ALGORITHMS]) {
      const plan = compile(tracing.graph, { name, fuse, prefer });
      const kernels = plan.steps.map(({ nodes, conv }) => [
        ...nodes.map(({ op }) => op.name),
        conv?.algorithm,
        conv?.events,
      ]);
      plans.set(JSON.stringify(kernels), plan);
    }
  return [...plans.values()];
}

type Results = Map<string, Fetched>;

/** Everything a run leaves: outputs, and variables after it. */
async function execute(engine: Engine, plan: Plan, feeds: Record<string, Feed>): Promise<Results> {
  const session = engine.createSession();
  const program = session.load(plan);
  if (program instanceof NativeProgram) soil(program);
  const { finite } = await program.run(feeds);
  if (!finite) throw new Error(`${plan.name}: expected a finite step, got another`);
  const results: Results = new Map();
  for (const name of plan.outputs.keys()) results.set(name, program.read(name));
  for (const name of session.variableNames) results.set(name, session.readVariable(name));
  if (program instanceof NativeProgram) expectCleanLanes(program);
  session.close();
  return results;
}

/** Fills the outputs with bytes that are no number. */
function soil({ plan, buffer }: NativeProgram): void {
  for (const value of plan.outputs.values()) {
    const placement = plan.placements.get(value);
    if (placement?.region === 'io' && value.source.kind === 'node')
      new Uint8Array(buffer, placement.offset, placement.bytes).fill(0xff);
  }
}

/** Lanes beyond the last channel must be zero: later kernels rely on it. */
function expectCleanLanes({ plan, buffer }: NativeProgram): void {
  for (const [name, value] of plan.outputs) {
    const placement = plan.placements.get(value);
    const partial = value.shape[1] % LANES;
    if (!isBlocked(value) || value.dtype !== 'f32' || partial === 0 || placement?.region !== 'io') continue;
    const floats = viewOf(value, buffer, placement.offset, storageBytes(value));
    const [, channels, height, width] = value.shape;
    const block = height * width * LANES;
    const blocks = Math.ceil(channels / LANES);
    const inLastBlock = (i: number) => Math.floor(i / block) % blocks === blocks - 1;
    const dirty = floats.findIndex((x, i) => x !== 0 && inLastBlock(i) && i % LANES >= partial);
    if (dirty >= 0)
      throw new Error(`${name}: expected zero in the lanes beyond the last channel, got ${floats[dirty]}`);
  }
}

function expectClose(got: Fetched, wanted: Fetched, tolerance: number, what: string): void {
  if (got.length !== wanted.length)
    throw new Error(`${what}: expected ${wanted.length} numbers, got ${got.length}`);
  if (!(wanted instanceof Float32Array)) {
    const other = wanted.findIndex((x, i) => x !== got[i]);
    if (other >= 0) throw new Error(`${what}[${other}]: expected ${wanted[other]}, got ${got[other]}`);
    return;
  }
  let largest = 0;
  for (const x of wanted) if (Number.isFinite(x)) largest = Math.max(largest, Math.abs(x));
  for (let i = 0; i < wanted.length; i++) {
    if (Object.is(got[i], wanted[i])) continue;
    // Written so that a NaN fails.
    if (!(Math.abs(got[i] - wanted[i]) <= tolerance * largest))
      throw new Error(`${what}[${i}]: expected ${wanted[i]} within ${tolerance * largest}, got ${got[i]}`);
  }
}

function bytes(data: Fetched): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
