// A training step of SCNN side by side with PyTorch, interleaved: the programs stay alive and take turns, so
// that a change of the machine's speed meets all of them.
//
//   npm run build && node bench/step.mjs [--size 28] [--batch 64] [--steps 10] [--rounds 8] [--python python3]
//
// The peer needs PyTorch (Debian: python3-torch; PyPI: torch) and is run with jemalloc where it is installed
// (libjemalloc2). Prints a table and writes build/bench-step.json.
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '28' },
    batch: { type: 'string', default: '64' },
    steps: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '8' },
    python: { type: 'string', default: 'python3' },
  },
});
const { size, batch, steps, python } = values;
const here = new URL('.', import.meta.url).pathname;
const jemalloc = '/usr/lib/x86_64-linux-gnu/libjemalloc.so.2';
// What makes PyTorch fastest here: memory is never given back to the system (up to 1.8 times faster than stock), and
// OpenBLAS has no threads of its own beside OpenMP's.
const allocator = existsSync(jemalloc)
  ? { LD_PRELOAD: jemalloc, MALLOC_CONF: 'dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always' }
  : { MALLOC_MMAP_THRESHOLD_: '4000000000', MALLOC_TRIM_THRESHOLD_: '4000000000' };
const peerEnv = { ...process.env, OMP_NUM_THREADS: '2', OPENBLAS_NUM_THREADS: '1', ...allocator };
const peer = (form, layout) => ({
  name: `PyTorch ${form} ${layout}`,
  command: [python, `${here}peers/torch_scnn.py`, form, size, batch, steps, layout],
  env: peerEnv,
});
const contestants = [
  {
    name: 'Soma',
    command: ['node', `${here}worker.mjs`, 'scnn', size, batch, `T=${steps}`],
    env: process.env,
  },
  peer('multistep', 'nchw'),
  peer('multistep', 'nhwc'),
  peer('loop', 'nchw'),
  peer('loop', 'nhwc'),
];

async function start({ name, command: [file, ...args], env }) {
  const child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value } = await lines.next();
  if (value !== 'ready')
    throw new Error(`${name}: expected "ready", got ${value ?? 'the end of its output'}`);
  return { name, child, lines, times: [], peak: 0 };
}

async function round(program, count) {
  program.child.stdin.write(`${count}\n`);
  const numbers = (await program.lines.next()).value.split(' ').map(Number);
  program.peak = numbers.pop();
  program.times.push(...numbers);
}

const quantile = (sorted, q) => sorted[Math.round(q * (sorted.length - 1))];

const programs = [];
for (const contestant of contestants) programs.push(await start(contestant));
for (let i = 0; i < Number(values.rounds); i++) for (const program of programs) await round(program, 3);
for (const { child } of programs) child.stdin.end();

const rows = programs.map(({ name, times, peak }) => {
  const sorted = times.toSorted((a, b) => a - b);
  const [median, low, high] = [0.5, 0.25, 0.75].map((q) => quantile(sorted, q));
  return { name, median_ms: median, p25_ms: low, p75_ms: high, peak_rss_mib: peak, n: times.length };
});
const ours = rows[0].median_ms;
console.log(`SCNN ${size} px, batch ${batch}, T = ${steps}, 2 threads, ${cpus()[0].model}`);
for (const row of rows)
  console.log(
    `${row.name.padEnd(24)} ${row.median_ms.toFixed(1).padStart(8)} ms  (${row.p25_ms.toFixed(1)}–${row.p75_ms.toFixed(1)})` +
      `  ${(row.median_ms / ours).toFixed(2)}×  peak ${row.peak_rss_mib.toFixed(0)} MiB`,
  );
const report = { size, batch, steps, cpu: cpus()[0].model, threads: 2, rows };
writeFileSync(`${here}../build/bench-step.json`, `${JSON.stringify(report, null, 2)}\n`);
