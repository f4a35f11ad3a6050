/** Both systems against PyTorch: loss, logits, firing rates and every gradient (golden/torch_networks.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compile } from '../src/compile/compile.ts';
import { differentiate } from '../src/compile/differentiate.ts';
import { createReferenceEngine } from '../src/engine/reference.ts';
import { f32, size, type Value } from '../src/graph/value.ts';
import { findSystem } from '../src/models/registry.ts';
import { Net } from '../src/nn/net.ts';
import { crossEntropy } from '../src/ops/cross-entropy.ts';
import { reduceMean } from '../src/ops/reduce.ts';

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
const SIDE = 12;

function pattern(shape: readonly number[], scale: number, phase: number, offset = 0): Float32Array {
  return Float32Array.from(
    { length: size(shape) },
    (_, i) => offset + scale * Math.sin(i * i * 0.013 + i * 1.7 + phase),
  );
}

function initial(name: string, shape: readonly number[], index: number): Float32Array {
  if (name.endsWith('beta')) return Float32Array.of(0.75);
  if (name.endsWith('threshold')) return Float32Array.of(0.5);
  const fanIn = shape.length > 1 ? size(shape.slice(1)) : 16;
  return pattern(shape, 1.5 / Math.sqrt(fanIn), index);
}

function nameOf(value: Value): string {
  return value.source.kind === 'variable' ? value.source.variable.name : '';
}

async function run(name: string, options: object) {
  const system = findSystem(name);
  const net = new Net({ framework: system.framework, training: true, seed: 0 });
  const image = net.graph.input('images', f32([BATCH, 3, SIDE, SIDE]));
  const labels = net.graph.input('labels', { dtype: 'i32', shape: [BATCH], time: null, format: 'flat' });
  const logits = system.build(net, { image, classes: 4 }, system.options.parse(options));
  const { loss } = crossEntropy(logits, labels);
  const gradients = differentiate(loss, net.parameters);
  net.graph.output('loss', loss);
  net.graph.output('logits', logits);
  for (const [layer, spikes] of net.spikes)
    net.graph.output(layer, reduceMean(spikes, { axes: spikes.shape.map((_, i) => i), time: true }));
  for (const [parameter, g] of gradients) net.graph.output(nameOf(parameter), g);

  const session = createReferenceEngine().createSession();
  const program = session.load(compile(net.graph));
  net.parameters.forEach((parameter, i) => {
    session.writeVariable(nameOf(parameter), initial(nameOf(parameter), parameter.shape, i));
  });
  await program.run({
    images: pattern([BATCH, 3, SIDE, SIDE], 0.5, 0.3, 0.5),
    labels: Int32Array.of(2, 0, 3),
  });
  return { read: (output: string) => [...program.read(output)], spiking: [...net.spikes.keys()] };
}

// PyTorch ran the spiking network in single precision, because doubles would fire at other steps.
describe.each([
  ['scnn', { T: 5 }, 5e-5],
  ['ae-cnn', { dropout: 0 }, 1e-5],
] as const)('%s against PyTorch', (name, options, tolerance) => {
  const expected = golden[name];

  it('has its loss, logits, rates and gradients', async () => {
    const { read, spiking } = await run(name, options);
    expect(read('loss')[0]).toBeCloseTo(expected.loss, 5);
    read('logits').forEach((x, i) => {
      expect(x).toBeCloseTo(expected.logits[i], 5);
    });
    spiking.forEach((layer, i) => {
      expect(read(layer)[0]).toBeCloseTo(expected.rates[i], 6);
    });
    for (const [parameter, { norm, sample }] of Object.entries(expected.gradients)) {
      const g = read(parameter);
      const error = Math.abs(Math.sqrt(g.reduce((sum, x) => sum + x * x, 0)) - norm) / norm;
      expect(error, `norm of ${parameter}`).toBeLessThan(1e-4);
      const stride = Math.max(1, Math.floor(g.length / 5));
      sample.forEach((x, i) => {
        expect(Math.abs(g[i * stride] - x) / norm, `${parameter}[${i * stride}]`).toBeLessThan(tolerance);
      });
    }
  });
});
