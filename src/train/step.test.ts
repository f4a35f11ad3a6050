import { describe, expect, it } from 'vitest';
import type { Engine, Feed } from '../engine/engine.ts';
import { loadAddon } from '../engine/native/addon.ts';
import { createNativeEngine } from '../engine/native/native.ts';
import { createReferenceEngine } from '../engine/reference.ts';
import { centred } from '../explain/small-networks.ts';
import { findSystem, SYSTEMS } from '../models/registry.ts';
import type { System } from '../models/system.ts';
import { random } from '../random.ts';
import { findNonFinite } from './non-finite.ts';
import {
  evaluationStep,
  imagesMeet,
  type NetworkSpec,
  predictionStep,
  type StepOptions,
  type TracedStep,
  trainingStep,
} from './step.ts';

const BATCH = 4;
const SIDE = 8;
const system = findSystem('scnn');
const spec: NetworkSpec = {
  system,
  options: { T: 3, beta: 0.5 },
  classes: 3,
  height: SIDE,
  width: SIDE,
  channels: 3,
  seed: 3,
};
const settings = {
  ...system.training,
  optimizer: { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
} as typeof system.training;

function feeds(): Record<string, Feed> {
  const draw = random(5, 'step');
  const images = Float32Array.from({ length: BATCH * 3 * SIDE * SIDE }, () => draw.uniform(0, 4));
  const labels = Int32Array.from({ length: BATCH }, () => draw.int(3));
  return { images, labels, lr: Float32Array.of(1) };
}

/** Outputs of one step and, as differences of the weights after SGD with lr 1, its gradients. */
async function step(engine: Engine, options: StepOptions) {
  const session = engine.createSession();
  const program = session.load(trainingStep(spec, settings, BATCH, null, options).plan);
  const before = new Map(session.variableNames.map((name) => [name, session.readVariable(name)]));
  expect((await program.run(feeds())).finite).toBe(true);
  const gradients = new Map(
    [...before].map(([name, old]) => [name, session.readVariable(name).map((x, i) => old[i] - x)]),
  );
  const outputs = Object.fromEntries(
    [...program.plan.outputs.keys()].map((name) => [name, program.read(name)]),
  );
  session.close();
  return { outputs, gradients };
}

const built = 'addon' in loadAddon();
const engines: [string, () => Engine][] = [
  ['reference', () => createReferenceEngine()],
  ...(built ? [['native', () => createNativeEngine({ threads: 2 })] as [string, () => Engine]] : []),
];

describe.each(engines)('a training step on the %s engine', (_, create) => {
  it('gives the same whole and in micro-batches', async () => {
    const whole = await step(create(), { microBatches: 1 });
    const rates = Object.keys(whole.outputs).filter((name) => name.startsWith('rate:'));
    expect(rates.length).toBe(3);
    expect(whole.outputs['rate:lif2'][0]).toBeGreaterThan(0.01);
    for (const microBatches of [2, 4]) {
      const cut = await step(create(), { microBatches });
      expect([...cut.outputs.probabilities]).toEqual([...whole.outputs.probabilities]);
      for (const name of ['loss', ...rates])
        expect(cut.outputs[name][0]).toBeCloseTo(whole.outputs[name][0], 6);
      for (const [name, wanted] of whole.gradients) {
        const largest = Math.max(...wanted.map(Math.abs));
        const error = Math.max(...(cut.gradients.get(name) ?? []).map((x, i) => Math.abs(x - wanted[i])));
        expect(largest, name).toBeGreaterThan(0);
        // Gradients are read off weights of order 1, so their own rounding is 6e-8.
        expect(error, name).toBeLessThan(1e-5 * largest + 2e-7);
      }
    }
  });

  it('finds images that are not finite', async () => {
    const session = create().createSession();
    const program = session.load(trainingStep(spec, settings, BATCH, null, { microBatches: 4 }).plan);
    const images = Float32Array.from(feeds().images);
    images[2 * 3 * SIDE * SIDE] = Number.NaN;
    expect((await program.run({ ...feeds(), images })).finite).toBe(false);
    expect(await findNonFinite(program, { ...feeds(), images })).toBe('the images');
    session.close();
  });
});

describe.each(engines)('a prediction on the %s engine', (_, create) => {
  it.each(['scnn', 'ae-cnn'])(
    'of %s gives the probabilities of an evaluation, in any batch',
    async (name) => {
      const other = findSystem(name);
      const options = name === 'scnn' ? spec.options : {};
      const network = { ...spec, system: other, options };
      const session = create().createSession();
      const { images, labels } = feeds();
      const evaluation = session.load(evaluationStep(network, other.training, BATCH).plan);
      await evaluation.run({ images, labels });
      const wanted = [...evaluation.read('probabilities')];

      const image = images.length / BATCH;
      for (const batch of [1, 2, BATCH]) {
        const { plan } = predictionStep(network, batch);
        expect([...plan.inputs.keys()]).toEqual(['images']);
        const program = session.load(plan);
        const got: number[] = [];
        for (let n = 0; n < BATCH; n += batch) {
          await program.run({ images: images.slice(n * image, (n + batch) * image) });
          got.push(...program.read('probabilities'));
        }
        got.forEach((p, i) => {
          expect(p).toBeCloseTo(wanted[i], 5);
        });
      }
      session.close();
    },
  );

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses an image with %d, of which neurons would make an answer',
    async (bad) => {
      const session = create().createSession();
      const images = feeds().images.slice();
      const program = session.load(predictionStep(spec, BATCH).plan);
      await program.run({ images });
      const before = [...program.read('probabilities')];
      images[7] = bad;
      await expect(program.run({ images })).rejects.toThrow(
        'run(predict scnn): expected finite images, got NaN or infinity; look at what is fed',
      );
      await program.run({ images: feeds().images });
      expect([...program.read('probabilities')]).toEqual(before);
      session.close();
    },
  );
});

describe.skipIf(!built)('a training step with batch normalisation', () => {
  // Gradients live in the arena here, where values take each other's places; in the conformance suite they are outputs.
  it('of se-cnn gives the gradients of the reference engine', async () => {
    const normalised = findSystem('se-cnn');
    const network = { ...spec, system: normalised, options: {}, height: 16, width: 16 };
    const draw = random(6, 'step');
    const images = Float32Array.from({ length: 3 * BATCH * 16 * 16 }, () => draw.uniform());
    const { labels } = feeds();
    const updates = async (engine: Engine) => {
      const session = engine.createSession();
      const program = session.load(trainingStep(network, settings, BATCH, null).plan);
      const before = new Map(session.variableNames.map((name) => [name, session.readVariable(name)]));
      await program.run({ images, labels, lr: Float32Array.of(1), rng: Int32Array.of(1, 2) });
      return new Map(
        [...before].map(([name, old]) => [name, session.readVariable(name).map((x, i) => x - old[i])]),
      );
    };
    const [wanted, got] = [
      await updates(createReferenceEngine()),
      await updates(createNativeEngine({ threads: 2 })),
    ];
    for (const [name, update] of wanted) {
      const largest = update.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const error = update.reduce(
        (most, x, i) => Math.max(most, Math.abs(x - (got.get(name)?.[i] ?? Number.NaN))),
        0,
      );
      expect(error, name).toBeLessThan(1e-4 * largest + 5e-7);
    }
  });
});

describe.skipIf(!built)('a step in micro-batches', () => {
  it('gives the same bits on any number of threads', async () => {
    const single = await step(createNativeEngine({ threads: 1 }), { microBatches: 4 });
    for (const threads of [2, 3, 64]) {
      const many = await step(createNativeEngine({ threads }), { microBatches: 4 });
      for (const [name, wanted] of single.gradients)
        expect([...(many.gradients.get(name) ?? [])], name).toEqual([...wanted]);
    }
  });

  it('names the layer where a NaN comes from', async () => {
    const session = createNativeEngine({ threads: 2 }).createSession();
    const program = session.load(trainingStep(spec, settings, BATCH, null, { microBatches: 4 }).plan);
    session.writeVariable('conv2.bias', new Float32Array(128).fill(Number.NaN));
    expect((await program.run(feeds())).finite).toBe(false);
    expect(await findNonFinite(program, feeds())).toBe('conv2 (conv2d)');
    session.close();
  });

  it('measures the steps of the loop', async () => {
    const session = createNativeEngine({ threads: 2 }).createSession();
    const program = session.load(trainingStep(spec, settings, BATCH, null, { microBatches: 4 }).plan);
    const { seconds } = await program.run(feeds(), { profile: true });
    const slow = program.plan.steps.findIndex(({ root }) => root.scope === 'conv2');
    expect(seconds?.[slow]).toBeGreaterThan(0);
    session.close();
  });

  it('sees weights that were written between two evaluations', async () => {
    const session = createNativeEngine({ threads: 2 }).createSession();
    const program = session.load(evaluationStep(spec, settings, BATCH, { microBatches: 4 }).plan);
    const { images, labels } = feeds();
    const loss = async () => {
      await program.run({ images, labels });
      return program.read('loss')[0];
    };
    const first = await loss();
    const weight = session.readVariable('conv2.weight');
    session.writeVariable(
      'conv2.weight',
      weight.map((w) => w + 0.05),
    );
    const second = await loss();
    expect(second).not.toBe(first);
    session.writeVariable('conv2.weight', weight);
    expect(await loss()).toBe(first);
    session.close();
  });
});

describe('micro-batches', () => {
  const at = (name: string, size: number) => ({
    ...spec,
    system: findSystem(name),
    ...{ options: {}, height: size, width: size },
  });
  const loops = ({ plan }: TracedStep) => plan.loop?.count ?? 1;
  const count = (name: string, size: number, batch: number, weights: Float32Array | null = null) =>
    loops(trainingStep(at(name, size), findSystem(name).training, batch, weights));
  const predicting = (name: string, size: number, batch: number) =>
    loops(predictionStep(at(name, size), batch));

  it('are chosen for spiking networks of independent rows', () => {
    expect(count('scnn', 28, 64)).toBe(64);
    expect(count('scnn', 12, 64)).toBe(32);
    expect(count('scnn', 28, 55)).toBe(55);
    expect(count('scnn', 28, 1)).toBe(1);
    expect(count('ae-cnn', 28, 64)).toBe(1);
    // PyTorch divides by the sum of the weights drawn, which is known for the whole batch only.
    expect(count('scnn', 28, 64, new Float32Array(3).fill(1))).toBe(1);
  });

  it('are chosen for predictions of dense networks whose maps outweigh their weights', () => {
    expect(predicting('ae-cnn', 64, 64)).toBe(16);
    expect(predicting('se-cnn', 64, 64)).toBe(16);
    expect(predicting('ae-cnn', 28, 64)).toBe(1);
    expect(predicting('ae-cnn', 64, 8)).toBe(1);
    // A single image is too large for the cache.
    expect(predicting('cnn', 64, 64)).toBe(1);
    expect(predicting('ms-resnet18', 32, 16)).toBe(16);
    // Its adaptation goes from batch to batch.
    expect(predicting('biasnn', 32, 16)).toBe(1);
  });
});

describe('imagesMeet()', () => {
  const of = (system: System, options: object = {}) =>
    imagesMeet({ ...spec, system, options, height: system.size, width: system.size });

  it('is true of adaptive neurons, of drawn encodings, and of a softmax over the batch', () => {
    expect(of(findSystem('lasnn'))).toBe(false);
    expect(of(findSystem('scnn'), { attention: 'alif-mask' })).toBe(true);
    expect(of(findSystem('scnn'), { encoding: 'rate' })).toBe(true);
    expect(of(findSystem('attention-cnn1'), { softmaxScope: 'batch' })).toBe(true);
    expect(of(centred)).toBe(true);
  });

  it.each(Object.values(SYSTEMS).map((each) => [each.name, each] as const))('of %s', (name, each) => {
    expect(of(each)).toBe(name === 'biasnn');
  });
});
