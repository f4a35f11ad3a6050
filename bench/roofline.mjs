// The machine's ceilings (roofline.cc), and what the heaviest kernels of each system reach of them, from
// `soma plan --profile`. Multiply-adds are counted as if nothing were skipped, so an event-driven or a Winograd kernel
// can do more than the ceiling allows.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

const here = new URL('.', import.meta.url).pathname;
const build = `${here}../build/bench/`;
const THREADS = 2;
const SYSTEMS = [
  ['scnn', 28, 64],
  ['scnn', 64, 32],
  ['se-cnn', 64, 64],
  ['ae-cnn', 64, 64],
  ['ms-resnet18', 32, 16],
];
/** The heaviest kernels of a step are shown. */
const SHOWN = 8;

function machine() {
  mkdirSync(build, { recursive: true });
  const options = ['-std=c++20', '-O3', '-march=native', '-ffp-contract=fast', '-pthread'];
  const compiler = process.env.CXX ?? 'g++';
  execFileSync(compiler, [...options, `${here}roofline.cc`, '-o', `${build}roofline`]);
  return JSON.parse(execFileSync(`${build}roofline`, [`${THREADS}`], { encoding: 'utf8' }));
}

function kernels(system, size, batch) {
  const args = ['plan', system, '--size', size, '--batch-size', batch, '--threads', THREADS, '--profile'];
  const main = `${here}../dist/cli/main.js`;
  const { steps } = JSON.parse(execFileSync('node', [main, ...args, '--json'], { encoding: 'utf8' }));
  const total = steps.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return { total, heavy: steps.toSorted((a, b) => b.milliseconds - a.milliseconds).slice(0, SHOWN) };
}

/** { machine, systems: [{ system, size, batch, ms, kernels: [{ layer, ops, ms, gflops, gbs, … shares }] }] } */
export async function roofline(prefixes) {
  const ceilings = machine();
  const { gflops: flops, read_gbs: bandwidth } = ceilings.threads.at(-1);
  const wanted = SYSTEMS.filter(([name]) => prefixes.length === 0 || prefixes.includes(name));
  const systems = wanted.map(([system, size, batch]) => {
    const { total, heavy } = kernels(system, size, batch);
    const rows = heavy.map(({ layer, ops, macs, bytes, milliseconds: ms }) => {
      const [gflops, gbs] = [(2 * macs) / ms / 1e6, bytes / ms / 1e6];
      return { layer, ops, ms, gflops, gbs, ofPeak: gflops / flops, ofBandwidth: gbs / bandwidth };
    });
    return { system, size, batch, ms: total, kernels: rows };
  });
  for (const row of ceilings.threads)
    console.log(
      `${row.threads} threads: ${row.gflops} GFLOP/s, read ${row.read_gbs} GB/s, triad ${row.triad_gbs} GB/s`,
    );
  for (const { system, size, batch, ms, kernels: rows } of systems) {
    console.log(`\n${system} ${size} px, batch ${batch}: ${ms.toFixed(1)} ms`);
    for (const k of rows)
      console.log(
        `  ${`${k.layer} ${k.ops.join(' + ')}`.padEnd(56)} ${k.ms.toFixed(2).padStart(8)} ms` +
          `${k.gflops.toFixed(0).padStart(6)} GFLOP/s ${(100 * k.ofPeak).toFixed(0).padStart(4)} %` +
          `${k.gbs.toFixed(1).padStart(7)} GB/s ${(100 * k.ofBandwidth).toFixed(0).padStart(4)} %`,
      );
  }
  return { machine: ceilings, systems };
}
