/** What the native engine owes beyond its kernels: guards, checks, shared memory, its end, and many threads. */
import { describe, expect, test } from 'vitest';
import { compile } from '../../compile/compile.ts';
import { differentiate } from '../../compile/differentiate.ts';
import { SomaError } from '../../errors.ts';
import { apply, Graph } from '../../graph/graph.ts';
import type { Variable } from '../../graph/value.ts';
import { f32, size } from '../../graph/value.ts';
import { batchNormOp } from '../../ops/batch-norm.ts';
import { convolve } from '../../ops/conv2d.ts';
import { affine, mul, sigmoid } from '../../ops/elementwise.ts';
import { sgdOp } from '../../ops/optimizer.ts';
import { reduceSum } from '../../ops/reduce.ts';
import { random } from '../../random.ts';
import type { Engine } from '../engine.ts';
import { createReferenceEngine } from '../reference.ts';
import { loadAddon } from './addon.ts';
import { createNativeEngine } from './native.ts';

const built = 'addon' in loadAddon();
const engines: [string, () => Engine][] = [['reference', createReferenceEngine]];
if (built) engines.push(['native', () => createNativeEngine({ threads: 2 })]);

const scale: Variable = {
  name: 'scale',
  kind: 'parameter',
  shape: [3],
  initial: () => Float32Array.of(1, 2, 3),
};

/** loss = Σ scale·2x, followed by scale ← scale − lr·gradient. Steps: affine, mul, sum, …, update. */
function trainingPlan() {
  const graph = new Graph();
  const x = graph.input('x', f32([3]));
  const w = graph.variable(scale);
  const loss = reduceSum(mul(affine(x, 2), w), { axes: [0] });
  graph.output('loss', loss);
  const gradient = differentiate(loss, [w]).get(w);
  if (!gradient) throw new Error('no gradient');
  const before = graph.nodes.length;
  apply(sgdOp, [w, gradient, null, graph.input('lr', f32([]))], {
    momentum: 0,
    nesterov: false,
    weightDecay: 0,
  });
  return compile(graph, { name: 'train', guards: [loss, gradient], firstUpdate: graph.nodes[before] });
}

/** A larger plan on the same variable. */
function evaluationPlan() {
  const graph = new Graph();
  const y = mul(sigmoid(graph.input('x', f32([50, 3]))), graph.variable(scale));
  graph.output('y', y);
  return compile(graph, { name: 'evaluate' });
}

const feeds = (...x: number[]) => ({ x: Float32Array.from(x), lr: Float32Array.of(0.5) });

describe.each(engines)('%s engine', (name, create) => {
  test('updates variables, and leaves them where loss or gradients are not finite', async () => {
    const session = create().createSession();
    const program = session.load(trainingPlan());
    expect((await program.run(feeds(1, 0, -1))).finite).toBe(true);
    expect(program.read('loss')[0]).toBe(-4);
    expect([...session.readVariable('scale')]).toEqual([0, 2, 4]);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
      expect((await program.run(feeds(1, bad, 1))).finite).toBe(false);
    expect([...session.readVariable('scale')]).toEqual([0, 2, 4]);
  });

  test('a check names the first step that wrote a NaN, and updates nothing', async () => {
    const session = create().createSession();
    const program = session.load(trainingPlan());
    expect(await program.run(feeds(1, 1, 1), { check: true })).toMatchObject({ finite: true });
    expect([...session.readVariable('scale')]).toEqual([1, 2, 3]);
    session.writeVariable('scale', Float32Array.of(1, Number.NaN, 3));
    const result = await program.run(feeds(1, 1, 1), { check: true });
    const culprit = program.plan.steps[result.nonFiniteStep ?? -1];
    expect(result.finite).toBe(false);
    expect(culprit.root.op.name).toBe('mul');
  });

  test('measures every step when asked', async () => {
    const program = create().createSession().load(trainingPlan());
    expect((await program.run(feeds(1, 1, 1))).seconds).toBeUndefined();
    const { seconds } = await program.run(feeds(1, 1, 1), { profile: true });
    expect(seconds?.length).toBe(program.plan.steps.length);
    expect(seconds?.every((s) => s >= 0 && s < 1)).toBe(true);
  });

  test('programs of a session share its variables', async () => {
    const session = create().createSession();
    const train = session.load(trainingPlan());
    await train.run(feeds(1, 0, 0));
    const evaluate = session.load(evaluationPlan());
    await evaluate.run({ x: new Float32Array(150) });
    expect([...evaluate.read('y').slice(0, 3)]).toEqual([0, 1, 1.5]);
    // The arena may have moved when the larger plan was loaded.
    await train.run(feeds(0, 1, 0));
    expect([...session.readVariable('scale')]).toEqual([0, 1, 3]);
    expect(session.variableNames).toEqual(['scale']);
  });

  test('refuses wrong feeds, names and lengths', async () => {
    const session = create().createSession();
    const program = session.load(trainingPlan());
    await expect(program.run(feeds(1, 2))).rejects.toThrow('expected 3 numbers for x, got 2');
    await expect(program.run({ x: new Float32Array(3) })).rejects.toThrow('numbers for lr');
    expect(() => program.read('los')).toThrow(SomaError);
    expect(() => session.readVariable('scal')).toThrow(SomaError);
    expect(() => session.writeVariable('scale', new Float32Array(4))).toThrow('expected 3 numbers, got 4');
  });

  test(`results are copies (${name})`, async () => {
    const session = create().createSession();
    session.load(trainingPlan());
    session.readVariable('scale').fill(9);
    expect([...session.readVariable('scale')]).toEqual([1, 2, 3]);
  });
});

describe.skipIf(!built)('native engine', () => {
  test('computes on the calling thread when asked', async () => {
    const session = createNativeEngine({ threads: 2 }).createSession();
    const program = session.load(trainingPlan());
    const run = program.run(feeds(1, 0, -1), { here: true, profile: true });
    expect(program.read('loss')[0]).toBe(-4);
    expect((await run).seconds?.length).toBe(program.plan.steps.length);
    expect((await program.run(feeds(1, Number.NaN, 1), { here: true })).finite).toBe(false);
    expect((await program.run(feeds(0, 0, 0))).finite).toBe(true);
    session.close();
    await expect(program.run(feeds(1, 1, 1), { here: true })).rejects.toThrow('closed');
  });

  test('one run at a time in a session, and none after its end', async () => {
    const session = createNativeEngine({ threads: 2 }).createSession();
    const program = session.load(trainingPlan());
    const first = program.run(feeds(1, 1, 1));
    await expect(program.run(feeds(1, 1, 1))).rejects.toThrow('await the promise of run()');
    expect(() => session.load(evaluationPlan())).toThrow(SomaError);
    expect(() => session.close()).toThrow(SomaError);
    await first;
    session.close();
    session.close();
    expect(session.memory()).toEqual({ variables: 0, arena: 0, io: 0, scratch: 0 });
    await expect(program.run(feeds(1, 1, 1))).rejects.toThrow('closed');
    expect(() => program.read('loss')).toThrow('closed');
  });

  test('sessions of one engine may run at the same time', async () => {
    const engine = createNativeEngine({ threads: 2 });
    const programs = Array.from({ length: 4 }, () => engine.createSession().load(trainingPlan()));
    for (let i = 0; i < 50; i++) {
      const results = await Promise.all(programs.map((program) => program.run(feeds(0, 0, 0))));
      expect(results.every(({ finite }) => finite)).toBe(true);
    }
  });

  test('1,000 steps hold no more memory than one', async () => {
    const session = createNativeEngine({ threads: 1 }).createSession();
    const program = session.load(trainingPlan());
    await program.run(feeds(0, 0, 0));
    const before = session.memory();
    for (let i = 0; i < 1000; i++) await program.run(feeds(0, 0, 0));
    expect(session.memory()).toEqual(before);
  });

  test('folded weights follow the variables', async () => {
    const graph = new Graph();
    const variable = (name: string, shape: number[], value: number) =>
      graph.variable({
        name,
        kind: 'state',
        shape,
        initial: () => new Float32Array(size(shape)).fill(value),
      });
    const y = convolve(graph.input('x', f32([1, 5, 2, 2])), variable('w', [8, 5, 1, 1], 1), null, {});
    const names = ['gamma', 'beta', 'mean', 'variance'];
    const inputs = names.map((name) => variable(name, [8], name === 'variance' ? 4 : 1));
    const attrs = { momentum: 0.1, eps: 0, unbiased: true, training: false };
    graph.output('y', apply(batchNormOp, [y, ...inputs], attrs)[0]);
    const plan = compile(graph);
    expect(plan.steps).toHaveLength(1);
    const session = createNativeEngine({ threads: 2 }).createSession();
    const program = session.load(plan);
    const result = async () => {
      await program.run({ x: new Float32Array(20).fill(1) });
      return [...new Set(program.read('y'))];
    };
    expect(await result()).toEqual([3]);
    expect(await result()).toEqual([3]);
    session.writeVariable('variance', new Float32Array(8).fill(1));
    expect(await result()).toEqual([5]);
  });

  test('64 threads on few cores give the bits of one', async () => {
    const numbers = random(3, 'threads');
    const draw = (n: number) => Float32Array.from({ length: n }, () => numbers.uniform(-1, 1));
    const graph = new Graph();
    const initial = draw(32 * 20 * 9);
    const weight: Variable = {
      name: 'w',
      kind: 'parameter',
      shape: [32, 20, 3, 3],
      initial: () => initial,
    };
    const w = graph.variable(weight);
    const y = sigmoid(convolve(graph.input('x', f32([8, 20, 12, 12])), w, null, { padding: 1 }));
    const gradient = differentiate(reduceSum(y, { axes: [0, 1, 2, 3] }), [w]).get(w);
    if (!gradient) throw new Error('no gradient');
    graph.output('y', y);
    graph.output('gradient', gradient);
    const plan = compile(graph);
    const x = draw(8 * 20 * 144);
    const [one, many] = await Promise.all(
      [1, 64].map(async (threads) => {
        const program = createNativeEngine({ threads }).createSession().load(plan);
        for (let i = 0; i < 10; i++) await program.run({ x });
        return [program.read('y'), program.read('gradient')];
      }),
    );
    expect(many).toEqual(one);
  });

  test.each([{ threads: 0 }, { threads: 1.5 }, { threads: 65 }, { isa: 'avx1024' }])(
    'refuses %o',
    (options) => {
      expect(() => createNativeEngine(options)).toThrow(SomaError);
    },
  );
});
