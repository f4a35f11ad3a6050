/**
 * Every gradient rule against central differences, in doubles. The op table says which ops have a rule; a
 * rule without a case here fails.
 */
import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.ts';
import { differentiate } from '../compile/differentiate.ts';
import { createReferenceEngine } from '../engine/reference.ts';
import { apply, Graph } from '../graph/graph.ts';
import { size, type Value } from '../graph/value.ts';
import { straightThrough } from '../neurons/surrogate.ts';
import { type Random, random } from '../random.ts';
import { adaptiveAvgPool2d } from './adaptive-pool.ts';
import { batchNormOp } from './batch-norm.ts';
import { concat, slice } from './concat.ts';
import { convolve, convolveTransposed } from './conv2d.ts';
import { crossEntropy } from './cross-entropy.ts';
import { linear } from './dense.ts';
import { dropout } from './dropout.ts';
import { add, affine, elu, mul, relu, sigmoid } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { minMax } from './min-max.ts';
import { neurons } from './neuron.ts';
import { avgPool2d, maxPool2d, maxPool2dOp } from './pool.ts';
import { broadcastTo, reduceMax, reduceMean, reduceSum, reshapeTo } from './reduce.ts';
import { meanSquaredError, rowErrors } from './row-errors.ts';
import { softmax } from './softmax.ts';
import { suppress } from './suppress.ts';
import { OPS } from './table.ts';

/** Makes a parameter of random values that the gradient is checked for. */
type Make = (shape: number[], draw?: (rng: Random) => number) => Value;
type Build = (make: Make, graph: Graph) => Value;

/** Ops whose forward pass is a step: their rules are surrogates and have tests of their own. */
const NOT_SMOOTH = ['neuron', 'alif', 'rateEncode', 'latencyEncode', 'cast'];

const positive = (rng: Random) => rng.uniform(0.5, 2);
const labels = (graph: Graph, n: number) =>
  graph.input('labels', { dtype: 'i32', shape: [n], time: null, format: 'flat' });
const rng = (graph: Graph) => graph.input('rng', { dtype: 'i32', shape: [2], time: null, format: 'flat' });

const timed = (make: Make, shape: number[], time: number) => broadcastTo(make(shape), shape, time);

/** Neurons that never fire: where they do, the gradient is straight through, which differences do not see. */
function silent(graph: Graph, shape: number[], steps: number): Value {
  const current = reshapeTo(graph.constant([size(shape)], new Float32Array(size(shape))), shape);
  const constants = [graph.scalar(0.5), graph.scalar(1)];
  const how = { reset: 'zero', resetDelay: false, surrogate: straightThrough() } as const;
  return neurons(current, constants, { model: 'lif', steps, ...how }).spikes;
}

const CASES: Record<string, Record<string, Build>> = {
  minMax: {
    plain: (make) => minMax(make([2, 3, 3, 4]), { eps: 0.1 }),
    'inverted, with time': (make) => minMax(timed(make, [1, 2, 2, 3], 2), { eps: 0.1, inverted: true }),
  },
  conv2d: {
    'with bias': (make) => convolve(make([2, 3, 5, 4]), make([4, 3, 3, 3]), make([4]), { padding: 1 }),
    'strided, one-sided padding': (make) =>
      convolve(make([1, 2, 6, 5]), make([3, 2, 3, 2]), null, { stride: 2, padding: [0, 1, 1, 0] }),
    'dilated, grouped': (make) =>
      convolve(make([2, 4, 6, 6]), make([6, 2, 2, 3]), make([6]), { dilation: [2, 1], groups: 2 }),
    depthwise: (make) => convolve(make([1, 5, 4, 4]), make([5, 1, 3, 3]), null, { padding: 1, groups: 5 }),
    'with time': (make) => convolve(timed(make, [1, 2, 3, 3], 2), make([2, 2, 2, 2]), make([2])),
    'bias behind a pool': (make) =>
      maxPool2d(convolve(make([2, 2, 4, 4]), make([3, 2, 3, 3]), make([3]), { padding: 1 }), { kernel: 2 }),
  },
  conv2dGradInput: {
    'stride 2, padded at one side': (make) =>
      convolveTransposed(make([2, 3, 3, 2]), make([3, 2, 3, 3]), {
        stride: 2,
        padding: [0, 1, 0, 1],
      }),
    'output padding, dilated, grouped': (make) =>
      convolveTransposed(make([1, 4, 2, 3]), make([4, 3, 2, 3]), {
        stride: [3, 2],
        dilation: [1, 2],
        padding: [1, 0, 0, 2],
        outputPadding: [2, 1],
        groups: 2,
      }),
    'with time': (make) => convolveTransposed(timed(make, [1, 2, 2, 2], 2), make([2, 2, 3, 3])),
  },
  dense: {
    plain: (make) => linear(make([3, 5]), make([4, 5]), make([4])),
    'without bias, with time': (make) => linear(timed(make, [2, 3], 3), make([2, 3]), null),
  },
  batchNorm: {
    training: (make, graph) => batchNorm(make, graph, [4, 3, 2, 3], true),
    'on running statistics': (make, graph) => batchNorm(make, graph, [2, 3, 2, 2], false),
    rows: (make, graph) => batchNorm(make, graph, [5, 4], true),
  },
  relu: { plain: (make) => relu(make([3, 7])) },
  elu: {
    plain: (make) => elu(make([3, 7])),
    'half as deep': (make) => elu(make([3, 7]), 0.5),
  },
  rowErrors: {
    squared: (make) => rowErrors(make([3, 2, 4, 2]), make([3, 2, 4, 2])).squared,
    absolute: (make) => rowErrors(make([3, 7]), make([3, 7])).absolute,
    both: (make) => {
      const { squared, absolute } = rowErrors(make([3, 7]), make([3, 7]));
      return mul(squared, absolute);
    },
    'their mean': (make) => meanSquaredError(make([3, 2, 2, 2]), make([3, 2, 2, 2])).loss,
  },
  sigmoid: { plain: (make) => sigmoid(make([3, 7])) },
  softmax: {
    plain: (make) => softmax(make([3, 6])),
    'over maps': (make) => softmax(make([2, 2, 3, 2]), { axes: [2, 3] }),
    'over the batch': (make) => softmax(make([3, 2, 2]), { axes: [0, 1, 2] }),
    'over a middle axis, with time': (make) => softmax(timed(make, [2, 3, 2], 2), { axes: [-2] }),
  },
  matmul: {
    plain: (make) => matmul(make([2, 3, 4]), make([2, 4, 5])),
    'first transposed': (make) => matmul(make([2, 4, 3]), make([2, 4, 5]), { transposeA: true }),
    'second transposed': (make) => matmul(make([2, 3, 4]), make([2, 5, 4]), { transposeB: true }),
    'both transposed': (make) =>
      matmul(make([2, 4, 3]), make([2, 5, 4]), { transposeA: true, transposeB: true }),
    square: (make) => {
      const x = make([2, 3, 3]);
      return matmul(x, x, { transposeB: true });
    },
    'one with time': (make) => matmul(timed(make, [2, 3, 2], 2), make([2, 2, 3])),
  },
  adaptiveAvgPool2d: {
    overlapping: (make) => adaptiveAvgPool2d(make([1, 2, 5, 4]), [3, 2]),
    enlarging: (make) => adaptiveAvgPool2d(make([1, 1, 2, 3]), 4),
  },
  suppress: {
    'with time': (make, graph) => suppress(timed(make, [2, 3, 2, 2], 2), silent(graph, [2, 3, 2, 2], 2)),
    'presented at every step': (make, graph) => suppress(make([2, 3, 2, 2]), silent(graph, [2, 3, 2, 2], 3)),
  },
  add: {
    plain: (make) => add(make([2, 3]), make([2, 3])),
    stretched: (make) => add(make([2, 3, 2, 2]), make([1, 3, 1, 1])),
    'over time': (make) => add(timed(make, [2, 3], 3), make([3])),
  },
  mul: {
    plain: (make) => mul(make([2, 3]), make([2, 3])),
    'channel scale': (make) => mul(make([2, 5, 3, 2]), make([2, 5, 1, 1])),
    'scalar over time': (make) => mul(timed(make, [2, 3], 2), make([])),
    square: (make) => {
      const x = make([4]);
      return mul(x, x);
    },
  },
  affine: { plain: (make) => affine(make([5]), -1.5, 0.25) },
  maxPool2d: {
    plain: (make) => maxPool2d(make([2, 3, 5, 4]), { kernel: 2 }),
    'overlapping, same': (make) => maxPool2d(make([1, 2, 4, 5]), { kernel: 3, stride: 1, padding: 'same' }),
    'of a ReLU': (make) => maxPool2d(relu(make([2, 2, 4, 4])), { kernel: 2 }),
    'of an ELU': (make) => maxPool2d(elu(make([2, 2, 4, 4]), 0.5), { kernel: 2 }),
    'of weighed maps': (make) =>
      maxPool2d(mul(make([2, 2, 4, 4]), reshapeTo(sigmoid(make([2, 2])), [2, 2, 1, 1])), { kernel: 2 }),
  },
  avgPool2d: {
    plain: (make) => avgPool2d(make([2, 3, 4, 6]), { kernel: 2 }),
    'same, padding not counted': (make) =>
      avgPool2d(make([1, 2, 5, 5]), { kernel: 3, stride: 2, padding: 'same', countPadding: false }),
  },
  reduceSum: {
    axes: (make) => reduceSum(make([2, 3, 4]), { axes: [0, 2] }),
    'kept, over time': (make) => reduceSum(timed(make, [2, 3], 3), { axes: [1], keepDims: true, time: true }),
  },
  reduceMean: { map: (make) => reduceMean(make([2, 3, 4, 2]), { axes: [2, 3] }) },
  reduceMax: { map: (make) => reduceMax(make([2, 3, 4, 2]), { axes: [2, 3] }) },
  broadcastTo: {
    stretched: (make) => broadcastTo(make([3, 1]), [2, 3, 4], null, 0.5),
    'into time': (make) => broadcastTo(make([2, 3]), [2, 3], 4),
  },
  reshape: { plain: (make) => reshapeTo(make([2, 6]), [3, 4]) },
  concat: {
    channels: (make) => concat([make([2, 3, 2, 2]), make([2, 1, 2, 2])], 1),
    'one with time, the last axis': (make) => concat([make([2, 3, 2]), timed(make, [2, 3, 1], 2)], -1),
  },
  slice: { channels: (make) => slice(make([2, 5, 2]), 1, 1, 3) },
  dropout: { plain: (make, graph) => dropout(make([6, 5]), rng(graph), 0.4, 3) },
  crossEntropy: {
    plain: (make, graph) => crossEntropy(make([3, 4]), labels(graph, 3)).loss,
    'weighted, smoothed': (make, graph) =>
      crossEntropy(make([3, 4]), labels(graph, 3), {
        classWeights: graph.constant([4], Float32Array.of(0.5, 2, 1, 3)),
        labelSmoothing: 0.1,
      }).loss,
    'weighted as Keras does': (make, graph) =>
      crossEntropy(make([3, 4]), labels(graph, 3), {
        classWeights: graph.constant([4], Float32Array.of(0.5, 2, 1, 3)),
        weighting: 'batch',
      }).loss,
  },
};

function batchNorm(make: Make, graph: Graph, shape: number[], training: boolean): Value {
  const c = [shape[1]];
  const running = (name: string, fill: number): Value =>
    graph.variable({
      name,
      kind: 'state',
      shape: c,
      initial: () => new Float32Array(c[0]).fill(fill),
    });
  const inputs = [make(shape), make(c, positive), make(c), running('mean', 0.1), running('var', 1.3)];
  return apply(batchNormOp, inputs, { momentum: 0.1, eps: 1e-3, unbiased: true, training })[0];
}

/** Largest difference between rule and central difference over all parameters, relative to the largest gradient. */
async function gradientError(build: Build): Promise<number> {
  const draw = random(7, 'gradient check');
  const graph = new Graph();
  const made: Value[] = [];
  const make: Make = (shape, value = (r) => r.uniform(-1, 1)) => {
    const initial = Float32Array.from({ length: size(shape) }, () => value(draw));
    const variable = { name: `p${made.length}`, kind: 'parameter', shape, initial: () => initial } as const;
    made.push(graph.variable(variable));
    return made[made.length - 1];
  };
  const y = build(make, graph);
  // A weighted sum, so that no two elements of y have the same gradient.
  const weights = graph.constant(
    y.shape,
    Float32Array.from({ length: size(y.shape) }, () => draw.uniform(-1, 1)),
  );
  const axes = y.shape.map((_, axis) => axis);
  const loss = reduceSum(mul(y, weights), { axes, time: true });
  const gradients = differentiate(loss, made);
  graph.output('loss', loss);
  for (const [value, g] of gradients) graph.output(`g${made.indexOf(value)}`, g);

  const session = createReferenceEngine({ precision: 'f64' }).createSession();
  const program = session.load(compile(graph));
  const feeds = { labels: Int32Array.of(2, 0, 3), rng: Int32Array.of(11, 5) };
  const state = session.variableNames.filter((name) => !name.startsWith('p'));
  const kept = state.map((name) => session.readVariable(name));
  const run = async () => {
    await program.run(feeds);
    // Running statistics move with each run; the loss must not.
    state.forEach((name, i) => {
      session.writeVariable(name, kept[i]);
    });
    return program.readDouble('loss')[0];
  };
  await run();
  const analytic = made.map((_, i) => program.readDouble(`g${i}`).slice());
  const scale = Math.max(...analytic.flatMap((g) => [...g].map(Math.abs)), 1e-3);
  let worst = 0;
  for (const [i] of made.entries()) {
    const x = session.readVariable(`p${i}`);
    for (let k = 0; k < x.length; k++) {
      const centre = x[k];
      x[k] = centre + 1e-3;
      const high = x[k];
      session.writeVariable(`p${i}`, x);
      const above = await run();
      x[k] = centre - 1e-3;
      const low = x[k];
      session.writeVariable(`p${i}`, x);
      const below = await run();
      x[k] = centre;
      session.writeVariable(`p${i}`, x);
      worst = Math.max(worst, Math.abs((above - below) / (high - low) - analytic[i][k]) / scale);
    }
  }
  return worst;
}

describe('gradient rules against central differences', () => {
  const differentiable = Object.values(OPS).filter((op) => op.gradient && !NOT_SMOOTH.includes(op.name));
  for (const op of differentiable) {
    it(`${op.name} has a case`, () => expect(Object.keys(CASES)).toContain(op.name));
    for (const [name, build] of Object.entries(CASES[op.name] ?? {}))
      it(`${op.name}: ${name}`, async () => expect(await gradientError(build)).toBeLessThan(2e-5));
  }

  it('notices a wrong rule', async () => {
    const wrong: Build = (make) => {
      const [y] = apply(
        {
          ...maxPool2dOp,
          gradient: ({ grads: [g], inputs: [x] }) => [
            g && x ? broadcastTo(reduceMean(g, { axes: [2, 3], keepDims: true }), x.shape, null) : null,
          ],
        },
        [make([1, 1, 4, 4])],
        { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] },
      );
      return y;
    };
    expect(await gradientError(wrong)).toBeGreaterThan(0.1);
  });
});
