import { describe, expect, it } from 'vitest';
import { apply, Graph } from '../graph/graph.ts';
import { f32, type Value } from '../graph/value.ts';
import { findSystem } from '../models/registry.ts';
import { arctan } from '../neurons/surrogate.ts';
import { batchNormOp } from '../ops/batch-norm.ts';
import { convolve } from '../ops/conv2d.ts';
import { add, affine, mul, relu, sigmoid } from '../ops/elementwise.ts';
import { neurons } from '../ops/neuron.ts';
import { maxPool2d } from '../ops/pool.ts';
import { reduceMax, reduceMean, reduceSum, reshapeTo } from '../ops/reduce.ts';
import { random } from '../random.ts';
import { evaluationStep, trainingStep } from '../train/step.ts';
import { compile } from './compile.ts';
import { differentiate } from './differentiate.ts';
import { storageBytes } from './layout.ts';
import { overwritable } from './overwrite.ts';
import { type Interval, placeInArena } from './place.ts';
import type { Plan } from './plan.ts';

const spec = (name: string, size: number) => ({
  system: findSystem(name),
  options: {},
  classes: 8,
  height: size,
  width: size,
  channels: 3,
  seed: 1,
});
const kinds = (plan: Plan) => plan.steps.map((step) => step.nodes.map((node) => node.op.name).join('+'));

function weight(graph: Graph, name: string, shape: number[]): Value {
  const initial = () => new Float32Array(shape.reduce((a, b) => a * b, 1));
  return graph.variable({ name, kind: 'parameter', shape, initial });
}

describe('compile', () => {
  it('leaves out what nobody reads', () => {
    const graph = new Graph();
    const x = graph.input('x', f32([2, 3]));
    affine(x, 2);
    graph.output('y', affine(x, 3));
    expect(kinds(compile(graph))).toEqual(['affine']);
  });

  it('fuses convolution, pool and ReLU, whichever way round they were written', () => {
    const graph = new Graph();
    const x = graph.input('x', f32([1, 3, 8, 8]));
    const y = relu(convolve(x, weight(graph, 'w', [8, 3, 3, 3]), null, { padding: 1 }));
    graph.output('y', maxPool2d(y, { kernel: 2 }));
    expect(kinds(compile(graph))).toEqual(['conv2d+maxPool2d+relu']);
    expect(kinds(compile(graph, { fuse: false }))).toEqual(['conv2d', 'maxPool2d', 'relu']);
  });

  it('does not fuse across a value that is read elsewhere', () => {
    const graph = new Graph();
    const x = graph.input('x', f32([1, 3, 8, 8]));
    const y = convolve(x, weight(graph, 'w', [8, 3, 3, 3]), null, { padding: 1 });
    graph.output('y', relu(y));
    graph.output('z', y);
    expect(kinds(compile(graph))).toEqual(['conv2d', 'relu']);
  });

  it('does not fuse a pool that is not 2×2', () => {
    const graph = new Graph();
    const x = graph.input('x', f32([1, 3, 9, 9]));
    const y = convolve(x, weight(graph, 'w', [8, 3, 3, 3]), null, { padding: 1 });
    graph.output('y', maxPool2d(y, { kernel: 3 }));
    expect(kinds(compile(graph))).toEqual(['conv2d', 'maxPool2d']);
  });

  it('normalises, pools and summarises in one step, and undoes an attention in one', () => {
    const graph = new Graph();
    const x = graph.input('x', f32([2, 20, 8, 8]));
    const parameters = ['gamma', 'beta', 'mean', 'variance'].map((name) => weight(graph, name, [20]));
    const attrs = { momentum: 0.1, eps: 1e-3, unbiased: true, training: true };
    const [y] = apply(batchNormOp, [x, ...parameters], attrs);
    const pooled = maxPool2d(relu(y), { kernel: 2 });
    const squeezed = [reduceMean(pooled, { axes: [2, 3] }), reduceMax(pooled, { axes: [2, 3] })];
    const scale = sigmoid(add(squeezed[0], squeezed[1]));
    const scaled = mul(pooled, reshapeTo(scale, [2, 20, 1, 1]));
    const loss = reduceSum(mul(scaled, graph.input('g', f32([2, 20, 4, 4]))), { axes: [0, 1, 2, 3] });
    for (const [i, g] of [...differentiate(loss, [x, ...parameters]).values()].entries())
      graph.output(`g${i}`, g);
    const steps = kinds(compile(graph));
    expect(steps).toContain('batchNorm+maxPool2d+relu+reduceMean+reduceMax');
    expect(steps).toContain('mul+reduceSum');
    expect(steps.filter((kind) => kind.endsWith('+reluGrad+maxPool2dGrad+batchNormGrad'))).toHaveLength(1);
    expect(steps.filter((kind) => /^(add|reluGrad|maxPool2dGrad|reduceMaxGrad)/.test(kind))).toEqual(['add']);
  });

  it('never stores the current of neurons behind a normalisation, unless somebody else reads it', () => {
    const trace = (read: boolean) => {
      const graph = new Graph();
      const x = graph.input('x', f32([2, 20, 4, 4], 3));
      const parameters = ['gamma', 'beta', 'mean', 'variance'].map((name) => weight(graph, name, [20]));
      const attrs = { momentum: 0.1, eps: 1e-3, unbiased: true, training: true };
      const [y] = apply(batchNormOp, [x, ...parameters], attrs);
      const rule = {
        model: 'lif',
        reset: 'zero',
        resetDelay: false,
        surrogate: arctan(2),
        steps: 3,
      } as const;
      const { spikes } = neurons(y, [graph.scalar(0.5), graph.scalar(1)], rule);
      const loss = reduceSum(mul(spikes, graph.input('g', f32([2, 20, 4, 4], 3))), {
        axes: [0, 1, 2, 3],
        time: true,
      });
      for (const [i, g] of [...differentiate(loss, [x]).values()].entries()) graph.output(`g${i}`, g);
      if (read) graph.output('loss', reduceSum(y, { axes: [0, 1, 2, 3], time: true }));
      const plan = compile(graph);
      return { steps: kinds(plan), stored: plan.placements.has(y) };
    };
    const alone = trace(false);
    expect(alone.steps).toContain('batchNorm');
    expect(alone.steps).toContain('batchNormApply+neuronGrad+batchNormSums');
    expect(alone.stored).toBe(false);
    const shared = trace(true);
    expect(shared.steps.filter((kind) => kind.includes('batchNormApply'))).toEqual([]);
    expect(shared.stored).toBe(true);
  });

  it('undoes the pool and the attention behind spikes where their neurons read the gradient', () => {
    const { plan } = trainingStep(spec('neurallnet', 32), findSystem('neurallnet').training, 2, null);
    const undone = 'mul+maxPool2dGrad+broadcastTo+add+batchNormApply+neuronGrad+batchNormSums';
    expect(kinds(plan).filter((kind) => kind.includes('maxPool2dGrad'))).toEqual([undone, undone, undone]);
  });

  it('reads the spikes that an attention weighs where they lie, forward and back', () => {
    const { plan } = trainingStep(spec('neurallnet', 32), findSystem('neurallnet').training, 2, null);
    const casts = kinds(plan).filter((kind) => kind.split('+').includes('cast'));
    expect(new Set(casts)).toEqual(new Set(['cast+mul', 'cast+mul+reduceSum']));
  });

  it('sums the gradient of a current for its normalisation while it is written', () => {
    const { plan } = trainingStep(spec('neurallnet', 32), findSystem('neurallnet').training, 2, null);
    const gradients = plan.steps.filter(({ root }) => root.op.name === 'batchNormGrad');
    expect(gradients.map(({ outputs }) => outputs.length)).toEqual([1, 1, 1]);
    const summed = plan.steps.flatMap(({ nodes }) => nodes.filter(({ op }) => op.name === 'batchNormSums'));
    for (const [i, { inputs }] of gradients.entries())
      expect(summed[i].outputs.every((sum) => inputs.includes(sum))).toBe(true);
  });

  it('folds a normalisation by running statistics into the layer before it', () => {
    const graph = new Graph();
    const x = graph.input('x', f32([1, 3, 8, 8]));
    const y = convolve(x, weight(graph, 'w', [8, 3, 3, 3]), null, { padding: 1 });
    const inputs = ['a', 'b', 'c', 'd'].map((name) => weight(graph, name, [8]));
    const attrs = { momentum: 0.1, eps: 1e-3, unbiased: true, training: false };
    graph.output('y', maxPool2d(relu(apply(batchNormOp, [y, ...inputs], attrs)[0]), { kernel: 2 }));
    expect(kinds(compile(graph))).toEqual(['conv2d+batchNorm+maxPool2d+relu']);
  });

  it('adds a residual in the step of the normalisation that runs last', () => {
    const graph = new Graph();
    const x = graph.input('x', f32([2, 20, 8, 8]));
    const norm = (name: string) => {
      const inputs = ['a', 'b', 'c', 'd'].map((part) => weight(graph, name + part, [20]));
      return apply(batchNormOp, [x, ...inputs], {
        momentum: 0.1,
        eps: 1e-3,
        unbiased: true,
        training: true,
      })[0];
    };
    graph.output('y', relu(add(norm('main'), norm('shortcut'))));
    expect(kinds(compile(graph))).toEqual(['batchNorm', 'batchNorm+add+relu']);
  });

  it('gives a bias in front of a batch normalisation no gradient to compute', () => {
    const graph = new Graph();
    const x = graph.input('x', f32([2, 3, 8, 8]));
    const bias = weight(graph, 'bias', [8]);
    const y = convolve(x, weight(graph, 'w', [8, 3, 3, 3]), bias, { padding: 1 });
    const inputs = ['a', 'b', 'c', 'd'].map((name) => weight(graph, name, [8]));
    const attrs = { momentum: 0.1, eps: 1e-3, unbiased: true, training: true };
    const [normalised] = apply(batchNormOp, [y, ...inputs], attrs);
    const loss = reduceSum(normalised, { axes: [0, 1, 2, 3] });
    const gradient = differentiate(loss, [bias]).get(bias);
    if (gradient) graph.output('gradient', gradient);
    expect(kinds(compile(graph))).toEqual(['conv2d', 'batchNorm', 'broadcastTo']);
  });

  it('keeps the large maps of SCNN out of memory', () => {
    const { plan } = trainingStep(spec('scnn', 28), findSystem('scnn').training, 64, null);
    expect(kinds(plan)).toContain('conv2d+maxPool2d+relu');
    expect(kinds(plan)).toContain('maxPool2dGrad+conv2dGradWeight');
    expect(kinds(plan)).toContain('neuronGrad+reluGrad');
    const unpooled = 10 * 64 * 128 * 14 * 14 * 4;
    expect(plan.arenaBytes).toBeLessThan(unpooled);
  });

  it('updates behind the guards, and nothing else there', () => {
    const { plan } = trainingStep(spec('ae-cnn', 64), findSystem('ae-cnn').training, 4, null);
    const updates = plan.steps.slice(plan.updatesFrom);
    expect(updates).toHaveLength(16);
    expect(updates.every((step) => step.root.op.name === 'adam')).toBe(true);
    expect(plan.steps.slice(0, plan.updatesFrom).some((step) => step.root.op.name === 'adam')).toBe(false);
    expect(plan.guards).toHaveLength(17);
  });

  it('has no updates and no gradients in an evaluation', () => {
    const { plan } = evaluationStep(spec('scnn', 28), findSystem('scnn').training, 4);
    expect(kinds(plan).filter((kind) => /grad|adam/i.test(kind))).toEqual([]);
    expect(plan.updatesFrom).toBe(plan.steps.length);
  });

  it('gives values that live together bytes of their own', () => {
    for (const name of ['scnn', 'ae-cnn', 'se-cnn', 'ms-resnet18']) {
      const { plan } = trainingStep(spec(name, 28), findSystem(name).training, 3, null);
      expect(overlaps(plan)).toEqual([]);
    }
  });

  it('computes again what is cheap and large, at the end of its rest, where memory becomes smaller', () => {
    const { plan } = trainingStep(spec('se-cnn', 64), findSystem('se-cnn').training, 64, null);
    expect(overlaps(plan)).toEqual([]);
    const twice = plan.steps.filter((step, i) => plan.steps.indexOf(step) < i);
    const names = twice.map(({ root }) => `${root.scope} ${root.op.name}`);
    expect(names).toContain('conv1 conv2d');
    expect(names).toContain('attention1 mul');
    expect(names).not.toContain('conv2 conv2d');
    const again = plan.steps.lastIndexOf(twice[names.indexOf('conv1 conv2d')]);
    expect(plan.steps[again + 1].root.scope).toBe('bn1');
    expect(plan.steps[plan.updatesFrom].root.op.name).toBe('adam');
    expect(plan.arenaBytes).toBeLessThan(60 * 2 ** 20);
  });
});

/** Pairs of values that share bytes while both are alive; one has a life for each time that it is written. */
function overlaps(plan: Plan): string[] {
  const lives = new Map<Value, { from: number; to: number }[]>();
  const read = (value: Value, at: number) => {
    const life = lives.get(value)?.at(-1);
    if (life) life.to = at;
  };
  plan.steps.forEach((step, i) => {
    for (const value of step.inputs) read(value, i);
    for (const value of step.outputs) lives.set(value, [...(lives.get(value) ?? []), { from: i, to: i }]);
  });
  for (const value of plan.guards) read(value, plan.updatesFrom);
  const placed = [...lives].flatMap(([value, spans]) => {
    const place = plan.placements.get(value);
    return place?.region === 'arena'
      ? spans.map((span) => ({
          value,
          ...span,
          start: place.offset,
          end: place.offset + storageBytes(value),
        }))
      : [];
  });
  expect(placed.length).toBeGreaterThan(5);
  const takesPlace = (a: (typeof placed)[number], b: (typeof placed)[number]) =>
    a.to === b.from && a.from < b.from && overwritable(plan.steps[b.from], b.value).includes(a.value);
  const found: string[] = [];
  for (const [i, a] of placed.entries())
    for (const b of placed.slice(i + 1))
      if (a.from <= b.to && b.from <= a.to && a.start < b.end && b.start < a.end)
        if (a.start !== b.start || !(takesPlace(a, b) || takesPlace(b, a)))
          found.push(`${a.value.id} and ${b.value.id}`);
  return found;
}

describe('memory planner', () => {
  it('reuses bytes of values that are dead', () => {
    const arena = placeInArena([
      { key: 'a', bytes: 640, lives: [{ from: 0, to: 1 }] },
      { key: 'b', bytes: 640, lives: [{ from: 1, to: 2 }] },
      { key: 'c', bytes: 640, lives: [{ from: 2, to: 3 }] },
    ]);
    expect(arena.bytes).toBe(1280);
    expect(arena.offsets.get('a')).toBe(arena.offsets.get('c'));
  });

  it('writes over what dies, and over nothing that is still read', () => {
    const { offsets, bytes } = placeInArena([
      { key: 'a', bytes: 640, lives: [{ from: 0, to: 1 }] },
      { key: 'b', bytes: 640, lives: [{ from: 1, to: 2 }], over: ['a'] },
      { key: 'c', bytes: 640, lives: [{ from: 2, to: 4 }], over: ['b'] },
      { key: 'd', bytes: 640, lives: [{ from: 3, to: 4 }], over: ['c'] },
    ]);
    expect([offsets.get('b'), offsets.get('c')]).toEqual([offsets.get('a'), offsets.get('a')]);
    expect(offsets.get('d')).not.toBe(offsets.get('c'));
    expect(bytes).toBe(1280);
  });

  it('never overlaps and never needs more than the sum, on random lives', () => {
    const draw = random(1, 'arena');
    for (let round = 0; round < 50; round++) {
      const intervals: Interval<number>[] = Array.from({ length: 30 }, (_, key) => {
        const from = draw.int(20);
        const lives = [{ from, to: from + draw.int(8) }];
        if (draw.int(4) === 0) lives.push({ from: from + 10, to: from + 10 + draw.int(4) });
        return { key, bytes: 1 + draw.int(2000), lives };
      });
      const { offsets, bytes } = placeInArena(intervals);
      for (const a of intervals)
        for (const b of intervals) {
          if (a.key >= b.key || !a.lives.some((x) => b.lives.some((y) => x.to >= y.from && y.to >= x.from)))
            continue;
          const [pa, pb] = [offsets.get(a.key) ?? -1, offsets.get(b.key) ?? -1];
          expect(pa + a.bytes <= pb || pb + b.bytes <= pa).toBe(true);
        }
      expect(bytes).toBeLessThanOrEqual(intervals.reduce((sum, { bytes: n }) => sum + n + 64, 0));
    }
  });
});

describe('broadcasting in the graph', () => {
  it('refuses shapes that do not fit, and says which', () => {
    const graph = new Graph();
    const a = graph.input('a', f32([2, 3]));
    const b = graph.input('b', f32([2, 4]));
    expect(() => add(a, b)).toThrow('add(): expected shapes that broadcast, got [2×3] and [2×4]');
  });
});
