// What is measured: tables of workloads, each run beside every contestant that can do it.
import { findSystem, SYSTEMS } from '../dist/index.js';

/** Systems with neurons. */
export const SPIKING = ['scnn', 'ms-resnet18', 'biasnn', 'lasnn', 'neurallnet', 'spiking-attention-net'];

/** 28 px, 10 steps of time, images as they are, two threads, unless a workload says otherwise. */
function workload(name, given) {
  const system = name.split(' ')[0];
  const { optimizer } = findSystem(given?.system ?? system).training;
  return {
    name,
    task: 'train',
    system,
    size: 64,
    batch: 64,
    steps: 10,
    threads: 2,
    gain: 1,
    optimizer,
    ...given,
  };
}

/** One workload for each of `values`, set as `key` on top of `base`. */
function sweep(key, values, base) {
  return values.map((value) => workload(`${base.system} ${key} ${value}`, { ...base, [key]: value }));
}

/** What the tables of growth compare with: the peers that win the tables of single workloads. */
const peers = ['PyTorch, channels last', 'SpikingJelly, channels last'];

/** Four convolutions and a hidden layer of 134 or 269 million parameters: the contestants together do not fit into 24 GB. */
const TOO_LARGE = /^cnn-ablation-1\d$/;

/** Every system as published: its own size, batch and optimizer; compiled too, which wins for some of them. */
const systems = Object.values(SYSTEMS)
  .filter(({ name }) => !TOO_LARGE.test(name))
  .map(({ name, size, training, options }) =>
    workload(name, {
      system: name,
      size,
      batch: training.batchSize,
      steps: options.parse({}).T ?? 1,
      peers: [...peers, 'PyTorch, compiled, channels last'],
      rounds: 3,
    }),
  );

const scnn28 = { system: 'scnn', size: 28, batch: 64 };
const scnn = { ...scnn28, peers };
const seCnn = { system: 'se-cnn', size: 64, batch: 64, peers };
const infer = { task: 'infer' };

export const TABLES = {
  systems,
  training: [
    workload('scnn 28 px', scnn28),
    workload('scnn 64 px', { batch: 32 }),
    workload('se-cnn 64 px'),
    workload('ae-cnn 64 px'),
    workload('ms-resnet18 32 px', { size: 32, batch: 16, steps: 4 }),
  ],
  inference: [
    ...sweep('batch', [1, 64], { ...infer, ...scnn28 }),
    ...sweep('batch', [1, 64], { ...infer, system: 'ae-cnn' }),
    ...sweep('batch', [1, 64], { ...infer, system: 'se-cnn' }),
  ],
  // What else there is in this ecosystem, with one image a step because it takes seconds.
  typescript: [workload('ae-cnn 1 image', { batch: 1 }), workload('se-cnn 1 image', { batch: 1 })],
  batch: [...sweep('batch', [1, 4, 16, 64, 256], scnn), ...sweep('batch', [1, 4, 16, 64, 256], seCnn)],
  steps: sweep('steps', [1, 2, 4, 8, 16, 32], scnn),
  size: [
    ...sweep('size', [28, 48, 64, 96, 128], { ...scnn, batch: 16 }),
    ...sweep('size', [32, 64, 96, 128], { ...seCnn, batch: 16 }),
  ],
  // The images are multiplied by this, and with them the currents of the first neurons.
  rate: sweep('gain', [0.35, 0.6, 1, 2, 4, 16, 64], scnn),
  threads: [
    ...sweep('threads', [1, 2], scnn),
    ...sweep('threads', [1, 2], seCnn),
    ...sweep('threads', [1, 2], { system: 'ms-resnet18', size: 32, batch: 16, steps: 4, peers }),
  ],
};
