// Who is measured: Soma and its peers, each at the settings that make it fastest here.
//
// What makes PyTorch fastest: memory that is never given back to the system (up to 1.8 times), denormals flushed, as
// many OpenMP threads as Soma has, no further ones of OpenBLAS. `best` names the variants that win for some workload;
// `--all` runs the others too, which is how they were found.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { SPIKING } from './workloads.mjs';

const here = new URL('.', import.meta.url).pathname;
const build = `${here}../build/bench/`;
const JEMALLOC = [
  '/usr/lib/x86_64-linux-gnu/libjemalloc.so.2',
  '/usr/lib/aarch64-linux-gnu/libjemalloc.so.2',
];

function peerEnv(threads) {
  const jemalloc = JEMALLOC.find(existsSync);
  const allocator = jemalloc
    ? { LD_PRELOAD: jemalloc, MALLOC_CONF: 'dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always' }
    : { MALLOC_MMAP_THRESHOLD_: '4000000000', MALLOC_TRIM_THRESHOLD_: '4000000000' };
  const threading = {
    OMP_NUM_THREADS: `${threads}`,
    MKL_NUM_THREADS: `${threads}`,
    OPENBLAS_NUM_THREADS: '1',
  };
  return { ...process.env, ...threading, ...allocator };
}

/** Compiling helps all but the training of a spiking network without BatchNorm. */
function compiledWins({ system, task }) {
  return task === 'infer' || system !== 'scnn';
}

/** Variants of PyTorch's own operations: [name, settings, is among the best]. */
function torchVariants(workload) {
  return [
    ['NCHW', { layout: 'nchw' }, false],
    ['channels last', { layout: 'nhwc' }, true],
    ['compiled, NCHW', { layout: 'nchw', compile: true }, false],
    ['compiled, channels last', { layout: 'nhwc', compile: true }, compiledWins(workload)],
  ];
}

function spikingLibraries(workload) {
  const { system, task } = workload;
  if (!SPIKING.includes(system) || task !== 'train') return [];
  return [
    ['snnTorch, NCHW', { library: 'snntorch', form: 'loop', layout: 'nchw' }, false],
    ['snnTorch, channels last', { library: 'snntorch', form: 'loop', layout: 'nhwc' }, true],
    ['snnTorch, compiled', { library: 'snntorch', form: 'loop', layout: 'nhwc', compile: true }, false],
    ['SpikingJelly, NCHW', { library: 'spikingjelly', layout: 'nchw' }, false],
    ['SpikingJelly, channels last', { library: 'spikingjelly', layout: 'nhwc' }, true],
    [
      'SpikingJelly, compiled',
      { library: 'spikingjelly', layout: 'nchw', compile: true },
      compiledWins(workload),
    ],
  ];
}

/**
 * Who takes part in a workload: those whose name has a part of `only`, or `all`, or Soma and the peers that the workload
 * names, or the best. Each is { name, command, env } or { name, failure }.
 */
export function contestants(workload, { only, all, ...pythons }) {
  const { peers } = workload;
  return everyone(workload, pythons).filter(({ name, best }) => {
    if (only) return only.some((part) => name.includes(part));
    return all || (peers ? name === 'Soma' || peers.includes(name) : best);
  });
}

function everyone(workload, { python, oldPython }) {
  const { name: _name, peers: _peers, ...job } = workload;
  const env = peerEnv(job.threads);
  const torch = (interpreter, label, settings, best) => ({
    name: label,
    best,
    command: [interpreter, `${here}peers/torch_worker.py`, JSON.stringify({ ...job, ...settings })],
    env,
  });
  const list = [
    {
      name: 'Soma',
      best: true,
      command: ['node', `${here}soma-worker.mjs`, JSON.stringify(job)],
      env: process.env,
    },
    ...torchVariants(workload).map(([label, settings, best]) =>
      torch(python, `PyTorch, ${label}`, settings, best),
    ),
    ...spikingLibraries(workload).map(([label, settings, best]) => torch(python, label, settings, best)),
  ];
  if (oldPython)
    for (const [label, settings, best] of torchVariants(workload))
      if (settings.layout === 'nhwc' && !settings.compile)
        list.push(torch(oldPython, `PyTorch (old), ${label}`, settings, best));
  if (job.task === 'infer') list.push(...onnx(job, python));
  if (job.task === 'train' && !SPIKING.includes(job.system))
    for (const [label, file] of [
      ['TensorFlow.js', 'tfjs-worker.mjs'],
      ['jax-js', 'jax-worker.mjs'],
    ])
      list.push({ name: label, best: job.batch === 1, ...node(file, job) });
  return list;
}

function node(file, job) {
  if (!existsSync(`${here}peers/node/node_modules`))
    return { failure: 'not installed: cd bench/peers/node && npm ci --ignore-scripts' };
  return { command: ['node', `${here}peers/node/${file}`, JSON.stringify(job)], env: process.env };
}

/** ONNX Runtime, in Python and in Node, on the network that PyTorch exports. */
function onnx(job, python) {
  mkdirSync(build, { recursive: true });
  const { system, size, batch, steps, threads } = job;
  const file = `${build}${system}-${size}-${batch}-${steps}.onnx`;
  if (!existsSync(file)) {
    const args = [`${here}peers/onnx_export.py`, JSON.stringify({ system, size, batch, steps, file })];
    const { status, stderr } = spawnSync(python, args, { encoding: 'utf8' });
    if (status !== 0)
      return [{ name: 'ONNX Runtime', best: true, failure: stderr?.trim().split('\n').at(-1) }];
  }
  const order = JSON.stringify({ file, size, batch, threads });
  return [
    {
      name: 'ONNX Runtime',
      best: true,
      command: [python, `${here}peers/onnx_worker.py`, order],
      env: process.env,
    },
    { name: 'onnxruntime-node', best: true, ...node('onnx-worker.mjs', { file, size, batch, threads }) },
  ];
}
