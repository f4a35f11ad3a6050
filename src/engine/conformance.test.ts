/**
 * One suite for all engines: every op and every fused step, on odd shapes, is executed by the reference engine
 * and by the native one, for each instruction set of this machine and for one, two and three threads.
 *
 * Floats agree within 1e-5 of the largest, those of whole networks within 1e-4 (their gradients are sums of
 * chains of ops, which cancel); spikes and indices are equal; and the number of threads changes no bit. Outputs are filled with garbage before each run, so what a kernel forgets to write is seen.
 */
import { describe, expect, test } from 'vitest';
import { compile } from '../compile/compile.ts';
import { isBlocked, LANES, storageBytes } from '../compile/layout.ts';
import type { Plan } from '../compile/plan.ts';
import { type Case, Tracing } from './conformance/case.ts';
import { FUSED_CASES, OP_CASES } from './conformance/cases.ts';
import type { Engine, Feed, Fetched } from './engine.ts';
import { loadAddon } from './native/addon.ts';
import { createNativeEngine, NativeProgram } from './native/native.ts';
import { viewOf } from './native/pack.ts';
import { createReferenceEngine } from './reference.ts';

const OP_TOLERANCE = 1e-5;
const NETWORK_TOLERANCE = 1e-4;
const THREADS = [1, 2, 3];

const loaded = loadAddon();
const isas = 'addon' in loaded ? loaded.addon.isas() : [];
if ('failure' in loaded) console.warn(`conformance: ${loaded.failure}`);

const reference = createReferenceEngine();
const native = isas.map((isa) => ({
  isa,
  engines: THREADS.map((threads) => createNativeEngine({ isa, threads })),
}));

type Results = Map<string, Fetched>;

/** Everything a run leaves: outputs, and variables after it. */
async function execute(engine: Engine, plan: Plan, feeds: Record<string, Feed>): Promise<Results> {
  const session = engine.createSession();
  const program = session.load(plan);
  if (program instanceof NativeProgram) soil(program);
  const { finite } = await program.run(feeds);
  expect(finite).toBe(true);
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
  for (const value of plan.outputs.values()) {
    const placement = plan.placements.get(value);
    const partial = value.shape[1] % LANES;
    if (!isBlocked(value) || value.dtype !== 'f32' || partial === 0 || placement?.region !== 'io') continue;
    const floats = viewOf(value, buffer, placement.offset, storageBytes(value));
    const [, channels, height, width] = value.shape;
    const block = height * width * LANES;
    const blocks = Math.ceil(channels / LANES);
    const beyond = floats.filter(
      (_, i) => Math.floor(i / block) % blocks === blocks - 1 && i % LANES >= partial,
    );
    expect(
      [...beyond].every((x) => x === 0),
      'lanes beyond the last channel are zero',
    ).toBe(true);
  }
}

function expectClose(got: Fetched, wanted: Fetched, tolerance: number, what: string): void {
  expect(got.length, what).toBe(wanted.length);
  if (!(wanted instanceof Float32Array)) {
    expect([...got], what).toEqual([...wanted]);
    return;
  }
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < wanted.length; i++) {
    if (Object.is(got[i], wanted[i])) continue;
    largest = Math.max(largest, Math.abs(wanted[i]));
    const d = Math.abs(got[i] - wanted[i]);
    difference = d > difference || Number.isNaN(d) ? d : difference;
  }
  for (const x of wanted) if (Number.isFinite(x)) largest = Math.max(largest, Math.abs(x));
  expect(difference, `${what}: relative error`).toBeLessThanOrEqual(tolerance * largest);
}

/** Plans with and without fusion, and with each algorithm for convolutions, as far as they differ. */
function distinctPlans(tracing: Tracing, name: string): Plan[] {
  const plans = new Map<string, Plan>();
  for (const fuse of [false, true])
    for (const prefer of [undefined, 'winograd', 'direct', 'depthwise'] as const) {
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

async function expectConformance({ name, trace }: Case, tolerance: number): Promise<void> {
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
          expect(other && Buffer.compare(bytes(other), bytes(single)), `${isa} ${output}: threads`).toBe(0);
      }
    }
}

function bytes(data: Fetched): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

describe.skipIf(isas.length === 0)(`native (${isas.join(', ')}) against reference`, () => {
  const suite = (name: string, cases: readonly Case[], tolerance: number) =>
    describe(name, () => {
      test.each(cases)('$name', (item) => expectConformance(item, tolerance));
    });
  for (const [op, cases] of Object.entries(OP_CASES)) suite(op, cases, OP_TOLERANCE);
  for (const [network, cases] of Object.entries(FUSED_CASES)) suite(network, cases, NETWORK_TOLERANCE);
});
