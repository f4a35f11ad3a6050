// Holds the peers' networks against Soma's: the same weights, images and labels must give the same loss, before and after
// a step of gradient descent.
//
//   node bench/check.mjs [--python P] [systems …]
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { SPIKING, TABLES } from './workloads.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: 'string', default: 'python3' } },
});
const here = new URL('.', import.meta.url).pathname;
const build = `${here}../build/bench`;
mkdirSync(build, { recursive: true });
const file = `${build}/check.f32`;

/**
 * Rounding, added up; a neuron at its threshold may fire in one and not in the other. A gradient jumps where a ReLU is at 0
 * or two values of a window are nearly equal: one such place in a million shows after the step.
 */
const tolerances = (system) => [SPIKING.includes(system) ? 0.02 : 2e-5, 0.02];

function losses(command, script, job) {
  const out = execFileSync(command, [`${here}${script}`, JSON.stringify(job)], { encoding: 'utf8' });
  return JSON.parse(out.trim().split('\n').at(-1));
}

const wanted = TABLES.systems.filter(
  ({ system }) => positionals.length === 0 || positionals.includes(system),
);
for (const { system, size, steps, threads } of wanted) {
  const job = { task: 'check', system, size, steps, threads, gain: 1, batch: 8, lr: 0.01, file };
  job.optimizer = { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 };
  const [ours, theirs] = [
    losses('node', 'soma-worker.mjs', job),
    losses(values.python, 'peers/torch_worker.py', job),
  ];
  const errors = ours.losses.map((loss, i) => Math.abs(loss / theirs.losses[i] - 1));
  const same =
    ours.parameters === theirs.parameters && tolerances(system).every((bound, i) => errors[i] < bound);
  if (!same) process.exitCode = 1;
  const [before, after] = ours.losses.map((loss, i) => `${loss.toFixed(5)} / ${theirs.losses[i].toFixed(5)}`);
  const counted = `${ours.parameters} parameters${same ? '' : `, PyTorch ${theirs.parameters}`}`;
  console.log(`${system.padEnd(16)} ${same ? 'same' : 'DIFFERS'}  ${counted}, loss ${before}, then ${after}`);
}
rmSync(file, { force: true });
