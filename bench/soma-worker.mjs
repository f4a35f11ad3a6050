// Soma as a contestant: the step that `soma train` runs, or the one that gives predictions, through the public API.
// Usage: soma-worker.mjs '{"task": "train" | "infer" | "check", system, size, batch, steps, threads, gain, optimizer}'
//
// To be checked, it writes weights, images and labels into `file`, leaves dropout out, and prints its losses before and
// after a step of gradient descent.
import { writeFileSync } from 'node:fs';
import * as soma from '../dist/index.js';
import { idleMib, serve } from './protocol.mjs';

const {
  task,
  system: name,
  size,
  batch,
  steps,
  threads,
  gain,
  optimizer,
  lr,
  file,
} = JSON.parse(process.argv[2]);
const { findSystem, openEngine, random } = soma;
const engine = openEngine({ engine: 'native', threads });
const idle = idleMib();

const system = findSystem(name);
const options = {
  ...('T' in system.options.shape ? { T: steps } : {}),
  ...(task === 'check' ? still() : {}),
};
const spec = { system, options, classes: 8, height: size, width: size, channels: 3, seed: 0 };
const { plan, net } =
  task === 'infer'
    ? soma.predictionStep(spec, batch)
    : soma.trainingStep(spec, { ...system.training, optimizer }, batch, null);
const session = engine.createSession();
const program = session.load(plan);
// MS-ResNet18 starts these at 0, which makes every gradient before them an exact 0: no training to time.
for (const variable of session.variableNames)
  if (/^block\d+\.bn2\.weight$/.test(variable))
    session.writeVariable(variable, session.readVariable(variable).fill(0.5));

const draw = random(0, 'bench');
const images = new Float32Array(batch * 3 * size * size);
for (let i = 0; i < images.length; i++) images[i] = gain * draw.uniform();
const feeds = {
  images,
  labels: Int32Array.from({ length: batch }, () => draw.int(8)),
  // All of the optimizer's work, but weights, and with them firing rates, stay what they were.
  lr: Float32Array.of(lr ?? 0),
  step: Int32Array.of(0),
  rng: Int32Array.of(0, 0),
};
for (const input of Object.keys(feeds)) if (!plan.inputs.has(input)) delete feeds[input];

/** Options that take dropout out of a network. */
function still() {
  return 'dropout' in system.options.shape ? { dropout: 0 } : {};
}

/** Trained variables, without those of neurons, which not every peer can train. */
const weights = net.parameters
  .map(({ source }) => source.variable)
  .filter(({ name }) => !/\.(beta|threshold)$/.test(name));
const counts = weights.map(({ shape }) => shape.reduce((product, n) => product * n, 1));
const facts = { parameters: counts.reduce((sum, count) => sum + count, 0) };

async function step() {
  if (feeds.step) feeds.step[0]++;
  if (feeds.rng) feeds.rng[1]++;
  await program.run(feeds);
}

if (task === 'check') {
  const parts = [...weights.map(({ name }) => session.readVariable(name)), images];
  const numbers = [...parts, Float32Array.from(feeds.labels)].map((part) => Buffer.from(part.slice().buffer));
  writeFileSync(file, Buffer.concat(numbers));
  const losses = [];
  for (let i = 0; i < 2; i++) {
    await step();
    losses.push(program.read('loss')[0]);
  }
  console.log(JSON.stringify({ losses, ...facts }));
} else {
  // Rates of the first batch, at the initial weights, as the peers report them.
  await step();
  const rates = [...plan.outputs.keys()].filter((key) => key.startsWith('rate:'));
  if (rates.length > 0) facts.rates = rates.map((key) => +program.read(key)[0].toFixed(4));
  await serve(step, idle, { soma: soma.VERSION, node: process.version, isa: engine.info.isa }, facts);
}
