/**
 * Every parameter of every system learns: one training step of a small image gives it a gradient that is not zero, in
 * the network or, where it is frozen there, in its pre-training. What is zero by design stands in EXEMPT with its reason.
 */
import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.ts';
import { differentiate } from '../compile/differentiate.ts';
import { openEngine } from '../engine/select.ts';
import { f32, type Node, size, type Value } from '../graph/value.ts';
import { Net } from '../nn/net.ts';
import { crossEntropy } from '../ops/cross-entropy.ts';
import { meanSquaredError } from '../ops/row-errors.ts';
import { random } from '../random.ts';
import { cnnAblations } from './cnn.ts';
import { SYSTEMS } from './registry.ts';
import type { System } from './system.ts';

const BATCH = 4;
const CLASSES = 3;

interface Small {
  readonly side: number;
  readonly options?: object;
}

/** Small enough for a step in a moment; 16 pixels where nothing is said. */
const SMALL: Partial<Record<string, Small>> = {
  // Untrained attention halves currents, CBAM twice: neurons must fire all the same.
  scnn: { side: 16, options: { threshold: 0.25 } },
  'vision-cnn': { side: 20 },
  'attention-cnn1': { side: 20 },
  'attention-cnn2': { side: 20 },
  'attention-cnn3': { side: 20 },
  vgg16: { side: 32, options: { width: 0.125 } },
  resnet50: { side: 32, options: { width: 0.125 } },
  xception: { side: 71, options: { width: 0.125 } },
  ...Object.fromEntries(Object.keys(cnnAblations).map((name) => [name, { side: 6 }])),
  vgg15: { side: 32 },
  vgg18: { side: 64 },
  'se-vgg15': { side: 32 },
  'sa-vgg15': { side: 32 },
  'cbam-vgg15': { side: 32 },
  biasnn: { side: 16, options: { width: 8, gamma: 'one', reduction: 2 } },
  lasnn: { side: 16, options: { width: 8, gamma: 'one', reduction: 2 } },
  neurallnet: { side: 16, options: { reduction: 2 } },
  'ms-resnet18': { side: 16, options: { width: 8, gamma: 'one', reduction: 2 } },
  'spiking-attention-net': { side: 32, options: { width: 8, reduction: 2 } },
};

interface Exemption {
  readonly parameter: RegExp;
  readonly because: string;
}

const EXEMPT: Partial<Record<string, readonly Exemption[]>> = {
  'attention-cnn3': [
    { parameter: /^bn1\./, because: 'what BatchNorm 1 makes is thrown away; option layer1Norm' },
    {
      parameter: /^attention\d\.query\.bias$/,
      because: 'it adds the same to the scores of all queries, which a softmax over queries does not see',
    },
  ],
};

/** Biases of maps that go into a BatchNorm, also behind a sum: it takes any constant away. */
function normalizedAway(nodes: readonly Node[], parameter: Value): boolean {
  const layer = nodes.find(({ inputs }) => inputs[2] === parameter);
  return layer?.op.name === 'conv2d' && isNormalized(nodes, layer.outputs[0]);
}

function isNormalized(nodes: readonly Node[], maps: Value): boolean {
  const readers = nodes.filter(({ inputs, stops }) => inputs.some((x, i) => x === maps && !stops.has(i)));
  const takesConstantAway = ({ op, outputs }: Node) =>
    op.name === 'batchNorm' || (op.name === 'add' && isNormalized(nodes, outputs[0]));
  return readers.length > 0 && readers.every(takesConstantAway);
}

const nameOf = ({ source }: Value) => (source.kind === 'variable' ? source.variable.name : '');

interface Flow {
  /** Names of the parameters that are trained. */
  readonly trained: readonly string[];
  readonly frozen: readonly string[];
  /** Trained parameters whose gradient is zero. */
  readonly silent: readonly string[];
}

/** Traces a network on `image` and returns its loss. */
type Trace = (system: System, net: Net, image: Value, options: object) => Value;

const classifying: Trace = (system, net, image, options) => {
  const labels = net.graph.input('labels', { dtype: 'i32', shape: [BATCH], time: null, format: 'flat' });
  return crossEntropy(system.build(net, { image, classes: CLASSES }, options), labels).loss;
};

const pretraining: Trace = (system, net, image, options) => {
  if (!system.pretraining) throw new Error(`${system.name} has no pre-training`);
  return meanSquaredError(system.pretraining.build(net, { image, classes: CLASSES }, options), image).loss;
};

async function gradientFlow(system: System, trace: Trace, more: object = {}): Promise<Flow> {
  const { side, options = {} } = SMALL[system.name] ?? { side: 16 };
  const net = new Net({ framework: system.framework, training: true, seed: 1 });
  const shape = [BATCH, 3, side, side];
  const image = net.graph.input('images', f32(shape));
  const loss = trace(system, net, image, system.options.parse({ ...options, ...more }) as object);
  const forward = [...net.graph.nodes];
  const gradients = differentiate(loss, net.trainable);
  const silent = net.trainable.filter((parameter) => !gradients.has(parameter)).map(nameOf);
  for (const [parameter, g] of gradients) net.graph.output(nameOf(parameter), g);

  const session = openEngine({}).createSession();
  const program = session.load(compile(net.graph));
  const draw = random(5, system.name);
  await program.run({
    images: Float32Array.from({ length: size(shape) }, () => draw.uniform()),
    labels: Int32Array.from({ length: BATCH }, (_, i) => i % CLASSES),
    rng: Int32Array.of(1, 1),
  });
  for (const parameter of gradients.keys()) {
    const silence = program.read(nameOf(parameter)).every((x) => x === 0);
    if (silence && !normalizedAway(forward, parameter)) silent.push(nameOf(parameter));
  }
  session.close();
  const trained = net.trainable.map(nameOf);
  const frozen = net.parameters.map(nameOf).filter((name) => !trained.includes(name));
  return { trained, frozen, silent };
}

describe('every parameter has a gradient', () => {
  for (const system of Object.values(SYSTEMS) as System[])
    it(system.name, async () => {
      const exempt = EXEMPT[system.name] ?? [];
      const { frozen, silent } = await gradientFlow(system, classifying);
      expect(silent.filter((name) => !exempt.some(({ parameter }) => parameter.test(name)))).toEqual([]);
      if (!system.pretraining) return expect(frozen).toEqual([]);
      const before = await gradientFlow(system, pretraining);
      expect(before.silent).toEqual([]);
      expect(before.trained).toEqual(expect.arrayContaining([...frozen]));
    });

  describe.each(['scnn', 'ms-resnet18', 'neurallnet', 'spiking-attention-net'] as const)('%s', (name) => {
    it.each(['squeeze-excite', 'cbam', 'alif-mask'])('with attention=%s', async (attention) => {
      const more = { attention, reduction: 2 };
      expect((await gradientFlow(SYSTEMS[name] as System, classifying, more)).silent).toEqual([]);
    });
  });

  it('the dense twin of spiking-attention-net', async () => {
    const system = SYSTEMS['spiking-attention-net'] as System;
    expect((await gradientFlow(system, classifying, { neuron: 'relu' })).silent).toEqual([]);
  });
});
