/** Weights of a file under the names of Soma, PyTorch and Keras; what is missing or does not fit; frozen layers. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/data-fixtures.ts';
import { createReferenceEngine } from '../engine/reference.ts';
import { f32, size } from '../graph/value.ts';
import { findSystem } from '../models/registry.ts';
import { convTranspose } from '../nn/layers.ts';
import { Net } from '../nn/net.ts';
import { encodeSafetensors, type NamedTensor } from './safetensors.ts';
import { trainingStep } from './step.ts';
import { loadWeights, matchWeights, openWeights } from './weights.ts';

const folder = await temporaryFolder();
const WIDTH = { width: 1 / 64 };

function network(name: string, classes = 3) {
  const { framework, build, options, aliases } = findSystem(name);
  const net = new Net({ framework, training: true, seed: 0 });
  const side = name === 'xception' ? 71 : 32;
  const image = net.graph.input('images', f32([1, 3, side, side]));
  build(net, { image, classes }, options.parse(WIDTH));
  return { variables: net.variables, aliases };
}

/** A number that tells where it belongs. */
const mark = (o: number, c: number, row: number, column: number) => o + c / 16 + row / 64 + column / 256;

function marked(shape: readonly number[]): Float32Array {
  const [, c = 1, h = 1, w = 1] = shape;
  return Float32Array.from({ length: size(shape) }, (_, i) =>
    mark(Math.floor(i / (c * h * w)), Math.floor(i / (h * w)) % c, Math.floor(i / w) % h, i % w),
  );
}

type Tensors = ReadonlyMap<string, NamedTensor>;

async function load(name: string, tensors: Tensors, classes = 3) {
  const path = join(folder, 'weights.safetensors');
  await writeFile(path, encodeSafetensors({ tensors, metadata: {} }));
  const target = network(name, classes);
  const written = new Map<string, Float32Array>();
  const session = createReferenceEngine().createSession();
  session.writeVariable = (of, data) => void written.set(of, data);
  return { written, ...loadWeights(await openWeights(path), target, session), ...target };
}

const own = (name: string, classes = 3) =>
  new Map(
    network(name, classes).variables.map(({ name: of, shape }) => [of, { shape, data: marked(shape) }]),
  );

/** The same numbers as Keras keeps them. */
function asKeras(name: string): Tensors {
  const aliased = network(name).aliases ?? {};
  const tensors = new Map<string, NamedTensor>();
  for (const [of, { shape, data }] of own(name)) {
    const [layer, part] = [of.slice(0, of.lastIndexOf('.')), of.slice(of.lastIndexOf('.') + 1)];
    const known = aliased[layer]?.find((other) => !other.startsWith('features')) ?? layer;
    const isNorm = layer.endsWith('bn');
    const parts: Record<string, string> = {
      weight: isNorm ? 'gamma' : 'kernel',
      bias: isNorm ? 'beta' : 'bias',
      running_mean: 'moving_mean',
      running_var: 'moving_variance',
    };
    if (shape.length < 2) {
      tensors.set(`${known}/${parts[part]}:0`, { shape, data });
      continue;
    }
    const [o, c, h = 1, w = 1] = shape;
    const depthwise = layer.endsWith('.depthwise');
    const [ins, outs] = depthwise ? [o, c] : [c, o];
    const turned = Float32Array.from({ length: size(shape) }, (_, i) => {
      const [last, before] = [i % outs, Math.floor(i / outs) % ins];
      const [row, column] = [Math.floor(i / (outs * ins * w)), Math.floor(i / (outs * ins)) % w];
      return depthwise ? mark(before, last, row, column) : mark(last, before, row, column);
    });
    const separable = layer.match(/^(.*)\.(depthwise|pointwise)$/);
    const kernel = separable ? `${separable[1]}/${separable[2]}_kernel` : `${known}/kernel`;
    tensors.set(kernel, { shape: shape.length === 2 ? [ins, outs] : [h, w, ins, outs], data: turned });
  }
  return tensors;
}

describe('loadWeights', () => {
  it.each(['vgg16', 'resnet50', 'xception'])(
    'reads %s as Soma and as Keras names and lays it out',
    async (name) => {
      for (const tensors of [own(name), asKeras(name)]) {
        const { written, drawn, variables } = await load(name, tensors);
        expect(drawn).toEqual([]);
        for (const { name: of, shape } of variables) expect(written.get(of), of).toEqual(marked(shape));
      }
    },
  );

  it('reads transposed convolutions as PyTorch and as Keras keep them', () => {
    const net = new Net({ framework: 'keras', training: false, seed: 0 });
    convTranspose(net, 'up', net.graph.input('x', f32([1, 2, 4, 4])), {
      filters: 3,
      kernel: [2, 1],
      bias: false,
    });
    const [{ name, shape }] = net.variables;
    expect(shape).toEqual([2, 3, 2, 1]);
    const straight = { shape, data: marked(shape) };
    // Rows, columns, outputs, inputs.
    const turned = Float32Array.from({ length: 12 }, (_, i) =>
      mark(i % 2, Math.floor(i / 2) % 3, Math.floor(i / 6), 0),
    );
    const files: [string, NamedTensor][] = [
      ['up.weight', straight],
      ['up/kernel:0', { shape: [2, 1, 3, 2], data: turned }],
    ];
    for (const [of, tensor] of files) {
      const file = { path: 'a.safetensors', fingerprint: '', tensors: new Map([[of, tensor]]) };
      expect(matchWeights(file, { variables: net.variables }).get(name)).toEqual(straight.data);
    }
  });

  it('wants what a pre-training would have learnt, and takes the rest where it is there', () => {
    const variables = ['encoder.conv1.weight', 'conv1.weight', 'fc.bias'].map((name) => ({
      ...({ name, kind: 'parameter', shape: [2] } as const),
      initial: () => new Float32Array(2),
    }));
    const required = new Set(['encoder.conv1.weight']);
    const match = (...names: string[]) => {
      const tensors = new Map(names.map((name) => [name, { shape: [2], data: Float32Array.of(1, 2) }]));
      return matchWeights({ path: 'a.safetensors', fingerprint: '', tensors }, { variables, required });
    };
    expect([...match('encoder.conv1.weight', 'decoder.dense.bias').keys()]).toEqual(['encoder.conv1.weight']);
    expect([...match('encoder.conv1.weight', 'fc.bias').keys()]).toEqual(['encoder.conv1.weight', 'fc.bias']);
    expect(() => match('conv1.weight', 'fc.bias')).toThrow(
      /expected encoder.conv1.weight \[2\], got no such tensor/,
    );
  });

  it("says what to do with PyTorch's own files", async () => {
    const path = join(folder, 'model.pt');
    await writeFile(path, Buffer.from('PK\x03\x04 and so on'));
    await expect(openWeights(path)).rejects.toThrow(
      /got an archive, as torch\.save makes; write it with safetensors/,
    );
  });

  it("says what to do with Keras's own files", async () => {
    const path = join(folder, 'model.h5');
    await writeFile(path, Buffer.from('\x89HDF\r\n\x1a\n and so on', 'latin1'));
    await expect(openWeights(path)).rejects.toThrow(
      /got HDF5, as Keras makes; write it with safetensors\.numpy/,
    );
  });

  it('says which tensors it has not read, and what a file has whose names are others', async () => {
    const given = new Map(own('vgg16')).set('extra.weight', { shape: [1], data: Float32Array.of(1) });
    expect((await load('vgg16', given)).unread).toEqual(['extra.weight']);
    const prefixed = new Map([...own('vgg16')].map(([name, tensor]) => [`model.${name}`, tensor]));
    await expect(load('vgg16', prefixed)).rejects.toThrow(
      /the file has model\.block1_conv1\.weight, model\.\S+, model\.\S+ and 25 more\)/,
    );
  });

  it('says of which type a tensor is that cannot be read', () => {
    const variables = ['conv1.weight', 'fc.bias'].map((name) => ({
      ...({ name, kind: 'parameter', shape: [2] } as const),
      initial: () => new Float32Array(2),
    }));
    const otherTypes = new Map([['conv1.weight', 'F16']]);
    const file = { path: 'a.safetensors', fingerprint: '', tensors: new Map(), otherTypes };
    expect(() => matchWeights(file, { variables })).toThrow(
      /expected conv1.weight \[2\], got conv1.weight of type F16 instead of F32/,
    );
  });

  it("reads torchvision's VGG16", async () => {
    const places = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];
    const layers = [...own('vgg16')].filter(([name]) => name.startsWith('block'));
    const tensors = new Map(
      layers.map(([name, tensor], i) => [
        `features.${places[Math.floor(i / 2)]}.${name.split('.')[1]}`,
        tensor,
      ]),
    );
    const { loaded, drawn } = await load('vgg16', tensors);
    expect(loaded).toHaveLength(26);
    expect(drawn).toEqual(['predictions.weight', 'predictions.bias']);
  });

  it('leaves a last layer for other classes as it was drawn', async () => {
    const { drawn, written } = await load('vgg16', own('vgg16', 1000), 3);
    expect(drawn).toEqual(['predictions.weight', 'predictions.bias']);
    expect(written.has('block5_conv3.bias')).toBe(true);
  });

  it('names the first that are missing or do not fit, and writes nothing', async () => {
    const tensors = new Map(own('vgg16'));
    for (const name of [...tensors.keys()].slice(2, 8)) tensors.delete(name);
    tensors.set('block1_conv1.weight', { shape: [2, 3, 3, 3], data: new Float32Array(54) });
    await expect(load('vgg16', tensors)).rejects.toThrow(
      /expected block1_conv1.weight \[1×3×3×3\], block1_conv2.weight .*, got block1_conv1.weight \[2×3×3×3\], no such tensor and 4 more/,
    );
  });

  it('refuses numbers that are not finite', async () => {
    const tensors = own('vgg16');
    tensors.get('block1_conv1.bias')?.data.fill(Number.NaN);
    await expect(load('vgg16', tensors)).rejects.toThrow(
      /expected finite weights, got NaN in block1_conv1.bias\[0\]/,
    );
  });
});

describe('frozen layers', () => {
  it.each([
    ['vgg16', 32, /^(block5_conv3|predictions)\./],
    ['resnet50', 32, /^predictions\./],
    ['xception', 71, /^(block14_sepconv2_bn|predictions)\./],
  ])('of %s stay as they are in a training step, statistics too', async (name, side, trained) => {
    const system = findSystem(name);
    const options = { ...WIDTH, freeze: 'transfer' };
    const spec = { system, options, classes: 3, height: side, width: side, channels: 3, seed: 2 };
    const session = createReferenceEngine().createSession();
    const { plan } = trainingStep(spec, system.training, 2, null);
    const program = session.load(plan);
    const read = () => new Map(session.variableNames.map((of) => [of, [...session.readVariable(of)]]));
    const before = read();
    const images = Float32Array.from({ length: 2 * 3 * side * side }, (_, i) => (i % 7) / 7);
    await program.run({
      ...{ images, labels: Int32Array.of(0, 2), lr: Float32Array.of(0.01), step: Int32Array.of(1) },
      rng: Int32Array.of(1, 1),
    });
    const changed = [...read()].filter(([of, numbers]) => numbers.join() !== before.get(of)?.join());
    const layers = changed.map(([of]) => of).filter((of) => !/\.(m|v)$/.test(of));
    expect(layers.length).toBeGreaterThan(0);
    expect(layers.filter((of) => !trained.test(of))).toEqual([]);
    expect(
      plan.variables.filter(({ kind }) => kind === 'slot').every(({ name: of }) => trained.test(of)),
    ).toBe(true);
  });
});
