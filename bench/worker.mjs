// One training step of a system on the native engine, for the interleaved benchmark (step.mjs).
// Usage: worker.mjs SYSTEM SIZE BATCH [key=value…]   Needs `npm run build`.
// Protocol: prints "ready", then for each line "K" on stdin runs K steps and prints K times in milliseconds
// and the peak resident memory in MiB.
import { createInterface } from 'node:readline';
import { openEngine } from '../dist/engine/select.js';
import { findSystem } from '../dist/models/registry.js';
import { random } from '../dist/random.js';
import { trainingStep } from '../dist/train/step.js';

const [name, sizeText, batchText, ...pairs] = process.argv.slice(2);
const size = Number(sizeText);
const batch = Number(batchText);
const options = Object.fromEntries(pairs.map((pair) => [pair.split('=')[0], Number(pair.split('=')[1])]));
const system = findSystem(name);
const spec = { system, options, classes: 8, height: size, width: size, channels: 3, seed: 0 };
const { plan } = trainingStep(spec, system.training, batch, null);
const program = openEngine({ engine: 'native', threads: 2 }).createSession().load(plan);

const draw = random(0, 'bench');
const images = Float32Array.from({ length: batch * 3 * size * size }, () => draw.uniform());
const labels = Int32Array.from({ length: batch }, () => draw.int(8));
let steps = 0;
async function step() {
  steps++;
  const lr = Float32Array.of(system.training.lr);
  await program.run({ images, labels, lr, step: Int32Array.of(steps), rng: Int32Array.of(0, steps) });
}

for (let i = 0; i < 2; i++) await step();
const rates = [...plan.outputs.keys()].filter((key) => key.startsWith('rate:'));
console.error(rates.map((key) => `${key} ${program.read(key)[0].toFixed(3)}`).join(', '));
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const times = [];
  for (let i = 0; i < Number(line); i++) {
    const start = performance.now();
    await step();
    times.push((performance.now() - start).toFixed(3));
  }
  console.log(times.join(' '), (process.resourceUsage().maxRSS / 1024).toFixed(1));
}
