/** The systems on both engines against PyTorch: loss, logits, firing rates and every gradient (golden/torch_networks.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compile } from '../src/compile/compile.ts';
import { differentiate } from '../src/compile/differentiate.ts';
import type { Engine } from '../src/engine/engine.ts';
import { loadAddon } from '../src/engine/native/addon.ts';
import { openEngine } from '../src/engine/select.ts';
import { f32, size, type Value } from '../src/graph/value.ts';
import { findSystem } from '../src/models/registry.ts';
import { Net } from '../src/nn/net.ts';
import { crossEntropy } from '../src/ops/cross-entropy.ts';
import { reduceMean } from '../src/ops/reduce.ts';
import { meanSquaredError } from '../src/ops/row-errors.ts';
import { pattern } from './golden/pattern.ts';

interface Golden {
  loss: number;
  logits: number[];
  rates: number[];
  gradients: Record<string, { norm: number; sample: number[] }>;
}

const golden: Record<string, Golden> = JSON.parse(
  readFileSync(new URL('golden/torch-networks.json', import.meta.url), 'utf8'),
);
const BATCH = 3;

function initial(name: string, shape: readonly number[], index: number): Float32Array {
  if (name.endsWith('beta')) return Float32Array.of(0.75);
  if (name.endsWith('threshold')) return Float32Array.of(0.5);
  const fanIn = shape.length > 1 ? size(shape.slice(1)) : 16;
  // The first number of a phase of 0 is 0, and a lone 0 would hide what it is multiplied by.
  return pattern(shape, 1.5 / Math.sqrt(fanIn), size(shape) === 1 ? index + 1 : index);
}

function nameOf(value: Value): string {
  return value.source.kind === 'variable' ? value.source.variable.name : '';
}

async function run(engine: Engine, title: string, side: number, given: object) {
  const [name, variant] = title.split(', ');
  const system = findSystem(name);
  const net = new Net({ framework: system.framework, training: true, seed: 0 });
  const image = net.graph.input('images', f32([BATCH, 3, side, side]));
  const labels = net.graph.input('labels', { dtype: 'i32', shape: [BATCH], time: null, format: 'flat' });
  const problem = { image, classes: 4 };
  const options = system.options.parse(given);
  const pretraining = variant === 'pre-training' ? system.pretraining : undefined;
  const logits = (pretraining ?? system).build(net, problem, options);
  const { loss } = pretraining ? meanSquaredError(logits, image) : crossEntropy(logits, labels);
  const gradients = differentiate(loss, net.parameters);
  net.graph.output('loss', loss);
  net.graph.output('logits', logits);
  for (const [layer, spikes] of net.spikes)
    net.graph.output(layer, reduceMean(spikes, { axes: spikes.shape.map((_, i) => i), time: true }));
  for (const [parameter, g] of gradients) net.graph.output(nameOf(parameter), g);

  const session = engine.createSession();
  const program = session.load(compile(net.graph));
  net.parameters.forEach((parameter, i) => {
    session.writeVariable(nameOf(parameter), initial(nameOf(parameter), parameter.shape, i));
  });
  await program.run({
    images: pattern([BATCH, 3, side, side], 0.5, 0.3, 0.5),
    labels: Int32Array.of(2, 0, 3),
  });
  return { read: (output: string) => [...program.read(output)], spiking: [...net.spikes.keys()] };
}

const loaded = loadAddon();
if ('failure' in loaded) console.warn(`golden: ${loaded.failure}`);
const ENGINES = 'addon' in loaded ? (['reference', 'native'] as const) : (['reference'] as const);

// PyTorch ran SCNN in single precision, because doubles would fire at other steps. Attention-CNN 1 and 2 have biases
// of one number, whose gradients are sums over the batch that nearly cancel.
describe.each([
  ['scnn', 12, { T: 5 }, 5e-5],
  ['ae-cnn', 12, { dropout: 0 }, 1e-5],
  ['se-cnn', 16, { dropout: 0 }, 1e-5],
  ['autoclassifier', 16, { dropout: 0 }, 1e-5],
  ['autoclassifier, pre-training', 16, {}, 1e-5],
  ['ms-resnet18', 8, { T: 2, width: 8 }, 1e-5],
  ['vision-cnn', 20, { dropout: 0 }, 1e-5],
  ['attention-cnn1', 20, { dropout: 0 }, 1e-4],
  ['attention-cnn2', 20, { dropout: 0 }, 1e-4],
  ['attention-cnn2, batch', 20, { dropout: 0, softmaxScope: 'batch' }, 1e-4],
  ['attention-cnn3', 20, { dropout: 0 }, 1e-5],
  ['attention-cnn3, usual', 20, { dropout: 0, softmaxAxis: 'key', scaled: true, layer1Norm: true }, 1e-5],
] as const)('%s against PyTorch', (title, side, options, tolerance) => {
  const expected = golden[title];

  it.each(ENGINES)('has its loss, logits, rates and gradients on the %s engine', async (engine) => {
    const { read, spiking } = await run(openEngine({ engine }), title, side, options);
    expect(read('loss')[0]).toBeCloseTo(expected.loss, 5);
    // Of images that were made again every sixteenth number is kept.
    const logits = read('logits');
    expected.logits.forEach((x, i) => {
      expect(logits[(i * logits.length) / expected.logits.length]).toBeCloseTo(x, 5);
    });
    spiking.forEach((layer, i) => {
      expect(read(layer)[0]).toBeCloseTo(expected.rates[i], 6);
    });
    const largest = Math.max(...Object.values(expected.gradients).map(({ norm }) => norm));
    for (const [parameter, { norm: exact, sample }] of Object.entries(expected.gradients)) {
      const g = read(parameter);
      // A bias in front of BatchNorm has no gradient but rounding, which is held against the others.
      const norm = exact > 1e-9 * largest ? exact : largest;
      const error = Math.abs(Math.sqrt(g.reduce((sum, x) => sum + x * x, 0)) - exact) / norm;
      expect(error, `norm of ${parameter}`).toBeLessThan(1e-4);
      const stride = Math.max(1, Math.floor(g.length / 5));
      sample.forEach((x, i) => {
        expect(Math.abs(g[i * stride] - x) / norm, `${parameter}[${i * stride}]`).toBeLessThan(tolerance);
      });
    }
  });
});
