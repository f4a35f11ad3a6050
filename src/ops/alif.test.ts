/** Adaptive neurons against traces worked out from the paper's equations, and their way back against a tangent model. */
import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.ts';
import { differentiate } from '../compile/differentiate.ts';
import { createReferenceEngine } from '../engine/reference.ts';
import { apply, Graph } from '../graph/graph.ts';
import { f32 } from '../graph/value.ts';
import { arctan, surrogateDerivative } from '../neurons/surrogate.ts';
import { random } from '../random.ts';
import { type AlifAttrs, alif, alifOp } from './alif.ts';
import { mul } from './elementwise.ts';
import { reduceSum } from './reduce.ts';
import { suppress } from './suppress.ts';

const ATTRS: AlifAttrs = {
  tau: 0.5,
  threshold: 1,
  adaptTau: 4,
  adaptStep: 1,
  rule: 'base',
  adapts: true,
  surrogate: arctan(2, 1 / Math.PI),
};

/** Runs currents [T][N] of one place of a map; several runs share a session. */
async function run(batches: number[][][], attrs: AlifAttrs) {
  const [steps, images] = [batches[0].length, batches[0][0].length];
  const graph = new Graph();
  const a = graph.variable({
    name: 'a',
    kind: 'state',
    shape: [1, 1, 1],
    initial: () => new Float32Array(1),
  });
  const [spikes, thresholds] = apply(alifOp, [graph.input('x', f32([images, 1, 1, 1], steps)), a], attrs);
  graph.output('spikes', spikes);
  graph.output('thresholds', thresholds);
  const session = createReferenceEngine().createSession();
  const program = session.load(compile(graph));
  const all = [];
  for (const batch of batches) {
    await program.run({ x: Float32Array.from(batch.flat()) });
    all.push({
      spikes: [...program.read('spikes')],
      thresholds: [...program.read('thresholds')],
      a: session.readVariable('a')[0],
    });
  }
  return all;
}

describe('alif', () => {
  it('shares its threshold over the batch, which rises with spikes and falls without', async () => {
    // Image 0 gets 1.2, image 1 gets 0.6 at every step. U of image 0: 1.2 fires (Θ 1), then reset.
    // t=0: U = 1.2, 0.6; spikes 1, 0; mean 0.5; a = (0.5 − 0)/4 = 0.125; Θ = 1.125
    // t=1: U = 1.2, 0.9; spikes 1, 0; a = 0.125 + (0.5 − 0.125)/4 = 0.21875; Θ = 1.21875
    // t=2: U = 1.2, 1.05; none; a = 0.21875·3/4 = 0.1640625; Θ = 1.1640625
    // t=3: U = 1.8, 1.125; spikes 1, 0; a = 0.1640625 + (0.5 − 0.1640625)/4 = 0.248046875
    const steps = Array.from({ length: 4 }, () => [1.2, 0.6]);
    const [first, second] = await run([steps, steps], ATTRS);
    expect(first.spikes).toEqual([1, 0, 1, 0, 0, 0, 1, 0]);
    expect(first.thresholds).toEqual([1, 1.125, 1.21875, 1.1640625]);
    expect(first.a).toBe(0.248046875);
    // The membrane begins anew, the adaptation goes on.
    expect(second.thresholds[0]).toBe(1.248046875);
  });

  it('never falls where the threshold is cumulative, and begins each batch at the base', async () => {
    // a as above, but Θ[t+1] = Θ[t] + a: 1, 1.125, then t=1 spikes: a = 0.21875, Θ = 1.34375;
    // t=2: U = 1.2, 1.05: none, a = 0.1640625, Θ = 1.5078125
    const steps = Array.from({ length: 4 }, () => [1.2, 0.6]);
    const [first, second] = await run([steps, steps], { ...ATTRS, rule: 'cumulative' });
    expect(first.thresholds).toEqual([1, 1.125, 1.34375, 1.5078125]);
    expect(second.thresholds[0]).toBe(1);
    expect(second.thresholds[1]).toBeGreaterThan(first.thresholds[1]);
  });

  it('stays as it is where it does not adapt', async () => {
    const [only] = await run([Array.from({ length: 4 }, () => [1.2, 0.6])], { ...ATTRS, adapts: false });
    expect(only.thresholds).toEqual([1, 1, 1, 1]);
    expect(only.a).toBe(0);
  });

  it.each(['base', 'cumulative'] as const)('goes back through time as its tangent does, %s', async (rule) => {
    const [T, N, P] = [5, 3, 4];
    const draw = random(5, 'alif', rule);
    const x = Float32Array.from({ length: T * N * P }, () => draw.uniform(0, 1.4));
    const weights = Float32Array.from({ length: T * N * P }, () => draw.uniform(-1, 1));
    const attrs = { ...ATTRS, rule };
    const graph = new Graph();
    const a = graph.variable({
      name: 'a',
      kind: 'state',
      shape: [2, 1, 2],
      initial: () => new Float32Array(P).fill(0.1),
    });
    const parameter = graph.input('x', f32([N, 2, 1, 2], T));
    const spikes = alif(parameter, a, attrs);
    const weighted = mul(spikes, graph.input('w', f32([N, 2, 1, 2], T)));
    const loss = reduceSum(weighted, { axes: [0, 1, 2, 3], time: true });
    const g = differentiate(loss, [parameter]).get(parameter);
    if (!g) throw new Error('no gradient');
    graph.output('g', g);
    graph.output('spikes', spikes);
    const program = createReferenceEngine({ precision: 'f64' }).createSession().load(compile(graph));
    await program.run({ x, w: weights });
    const gradient = [...program.read('g')];
    const fired = [...program.read('spikes')];

    // Tangent model: thresholds and resets are those of the run; spikes are linear around it.
    const tangent = (
      input: ArrayLike<number>,
      spikesOf: (u: number, i: number, p: number, t: number) => number,
    ) => {
      let sum = 0;
      for (let n = 0; n < N; n++)
        for (let p = 0; p < P; p++) {
          let v = 0;
          for (let t = 0; t < T; t++) {
            const i = (t * N + n) * P + p;
            const u = attrs.tau * v + input[i];
            sum += weights[i] * spikesOf(u, i, p, t);
            v = fired[i] ? 0 : u;
          }
        }
      return sum;
    };
    const thresholds: number[] = [];
    const membranes: number[] = [];
    for (let p = 0; p < P; p++) {
      let adaptation = 0.1;
      let threshold = 1 + (rule === 'base' ? adaptation : 0);
      for (let t = 0; t < T; t++) {
        thresholds[t * P + p] = threshold;
        let count = 0;
        for (let n = 0; n < N; n++) count += fired[(t * N + n) * P + p];
        adaptation += (count / N - adaptation) / attrs.adaptTau;
        threshold = (rule === 'base' ? 1 : threshold) + adaptation;
      }
    }
    tangent(x, (u, i) => {
      membranes[i] = u;
      return 0;
    });
    const linear = (u: number, i: number, p: number, t: number) =>
      surrogateDerivative(attrs.surrogate, membranes[i] - thresholds[t * P + p]) * (u - membranes[i]);
    for (let i = 0; i < x.length; i++) {
      const step = 1e-3;
      const [up, down] = [Float64Array.from(x), Float64Array.from(x)];
      up[i] += step;
      down[i] -= step;
      expect(gradient[i]).toBeCloseTo((tangent(up, linear) - tangent(down, linear)) / (2 * step), 5);
    }
    expect(fired.some((s) => s === 1) && fired.some((s) => s === 0)).toBe(true);
  });
});

describe('suppress', () => {
  it('is 0 where a neuron fires; the gradient of x passes anyway, that of the mask is −x', async () => {
    const graph = new Graph();
    const x = graph.input('x', f32([1, 1, 1, 4]));
    const current = graph.input('current', f32([1, 1, 1, 4], 1));
    const a = graph.variable({
      name: 'a',
      kind: 'state',
      shape: [1, 1, 4],
      initial: () => new Float32Array(4),
    });
    const y = suppress(x, alif(current, a, ATTRS));
    const loss = reduceSum(mul(y, graph.input('w', f32([1, 1, 1, 4], 1))), {
      axes: [0, 1, 2, 3],
      time: true,
    });
    const gradients = differentiate(loss, [x, current]);
    graph.output('y', y);
    for (const [name, value] of Object.entries({ x, current })) {
      const g = gradients.get(value);
      if (g) graph.output(`g-${name}`, g);
    }
    const program = createReferenceEngine().createSession().load(compile(graph));
    const currents = [2, 0.5, 1.5, 0];
    await program.run({
      x: Float32Array.of(1, 2, 3, 4),
      current: Float32Array.from(currents),
      w: Float32Array.of(5, 6, 7, 8),
    });
    expect([...program.read('y')]).toEqual([0, 2, 0, 4]);
    expect([...program.read('g-x')]).toEqual([5, 6, 7, 8]);
    const expected = currents.map((u, i) => -(i + 1) * (i + 5) * surrogateDerivative(ATTRS.surrogate, u - 1));
    [...program.read('g-current')].forEach((g, i) => {
      expect(g).toBeCloseTo(expected[i], 5);
    });
  });
});
