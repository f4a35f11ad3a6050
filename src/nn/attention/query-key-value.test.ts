/** The attention blocks of paper (d): what competes with what, where gradients stop, and time as an axis. */
import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.ts';
import { differentiate } from '../../compile/differentiate.ts';
import { rowsAreIndependent } from '../../compile/loop.ts';
import { createReferenceEngine } from '../../engine/reference.ts';
import { f32, size, type Value } from '../../graph/value.ts';
import { broadcastTo, reduceSum } from '../../ops/reduce.ts';
import { constant } from '../init.ts';
import { Net } from '../net.ts';
import { dotProductAttention } from './dot-product-attention.ts';
import { elementwiseAttention, positionAttention, scalarAttention } from './elementwise-attention.ts';
import { mapAttention } from './map-attention.ts';

type Attend = (net: Net, x: Value, detached: boolean) => Value;

const BLOCKS: [string, Attend][] = [
  ['positionAttention', (net, x, detached) => positionAttention(net, 'a', x, { detached })],
  ['scalarAttention', (net, x, detached) => scalarAttention(net, 'a', { detached })(x)],
  ['mapAttention', (net, x, detached) => mapAttention(net, 'a', x, { units: 3, detached })],
];

const newNet = () => new Net({ framework: 'torch', training: true, seed: 2 });
const wave = (n: number, phase: number) =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(i * i + phase));

/** What a function of inputs of given shapes gives. */
async function evaluate(
  feeds: readonly Float32Array[],
  shape: readonly number[],
  of: (xs: Value[]) => Value,
) {
  const { graph } = newNet();
  const values = feeds.map((_, i) => graph.input(`x${i}`, f32(shape)));
  graph.output('y', of(values));
  const program = createReferenceEngine().createSession().load(compile(graph));
  await program.run(Object.fromEntries(feeds.map((feed, i) => [`x${i}`, feed])));
  return [...program.read('y')] as number[];
}

describe('elementwiseAttention', () => {
  const shape = [2, 3, 2, 2];
  const [q, k, v] = [wave(24, 0), wave(24, 1), wave(24, 2)];

  it.each([
    ['image', 12],
    ['batch', 24],
  ] as const)('weighs the values of each %s by a softmax of products', async (softmaxScope, group) => {
    const y = await evaluate([q, k, v], shape, ([a, b, c]) =>
      elementwiseAttention(a, b, c, { softmaxScope }),
    );
    const weights = Array.from(q, (x, i) => Math.exp(x * k[i]));
    y.forEach((x, i) => {
      const start = Math.floor(i / group) * group;
      const sum = weights.slice(start, start + group).reduce((a, b) => a + b, 0);
      expect(x).toBeCloseTo((weights[i] / sum) * v[i], 6);
    });
  });

  it('makes images depend on each other only where the scope is the batch', () => {
    for (const softmaxScope of ['image', 'batch'] as const) {
      const { graph } = newNet();
      const x = graph.input('x', f32(shape));
      elementwiseAttention(x, x, x, { softmaxScope });
      expect(rowsAreIndependent(graph.nodes, 2)).toBe(softmaxScope === 'image');
    }
  });
});

describe('dotProductAttention', () => {
  it.each(['query', 'key'] as const)('has weights that add up to 1 over each %s', async (softmaxAxis) => {
    const ones = new Float32Array(2 * 4 * 3).fill(1);
    const [q, k] = [wave(24, 3), wave(24, 4)];
    const of = (values: Float32Array) =>
      evaluate([q, k, values], [2, 4, 3], (x) =>
        dotProductAttention(x[0], x[1], x[2], { softmaxAxis, scaled: true }),
      );
    const sums = await of(ones);
    // Over the keys of a query: a mean of ones. Over the queries of a key: all weights of an image together are 4.
    if (softmaxAxis === 'key') for (const x of sums) expect(x).toBeCloseTo(1, 6);
    const total = sums.slice(0, 12).reduce((a, b) => a + b, 0);
    expect(total).toBeCloseTo(12, 5);
    const y = await of(wave(24, 5));
    const score = (n: number, i: number, j: number) =>
      [0, 1, 2].reduce((sum, d) => sum + q[(n * 4 + i) * 3 + d] * k[(n * 4 + j) * 3 + d], 0) / Math.sqrt(3);
    const weight = (n: number, i: number, j: number) => {
      const others = [0, 1, 2, 3].map((m) => (softmaxAxis === 'key' ? score(n, i, m) : score(n, m, j)));
      return Math.exp(score(n, i, j)) / others.reduce((sum, s) => sum + Math.exp(s), 0);
    };
    const values = wave(24, 5);
    y.forEach((x, at) => {
      const [n, i, d] = [Math.floor(at / 12), Math.floor(at / 3) % 4, at % 3];
      const wanted = [0, 1, 2, 3].reduce((sum, j) => sum + weight(n, i, j) * values[(n * 4 + j) * 3 + d], 0);
      expect(x).toBeCloseTo(wanted, 6);
    });
  });
});

describe.each(BLOCKS)('%s', (_, attend) => {
  it('lets gradients pass to the maps before it unless it is detached', () => {
    for (const detached of [false, true]) {
      const net = newNet();
      const x = net.parameter('x', [2, 4, 3, 3], constant(0.5));
      const y = attend(net, x, detached);
      const loss = reduceSum(y, { axes: y.shape.map((_, axis) => axis) });
      const gradients = differentiate(loss, net.parameters);
      expect(gradients.has(x)).toBe(!detached);
      expect(gradients.size).toBe(net.parameters.length - (detached ? 1 : 0));
    }
  });

  it('works at each step of time by itself', async () => {
    const net = newNet();
    const shape = [2, 4, 3, 3];
    const x = net.graph.input('x', f32(shape));
    const timed = attend(net, broadcastTo(x, shape, 3), false);
    expect(timed.time).toBe(3);
    net.graph.output('y', timed);
    const program = createReferenceEngine().createSession().load(compile(net.graph));
    await program.run({ x: wave(size(shape), 6) });
    const y = [...program.read('y')] as number[];
    const step = y.length / 3;
    expect(y.slice(step, 2 * step)).toEqual(y.slice(0, step));
    expect(y.some((number) => number !== y[0])).toBe(true);
  });
});
