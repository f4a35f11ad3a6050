/**
 * Back-propagation through time, checked against finite differences of a network that has the surrogate's
 * slope for real: around the trace that was run, each spike is replaced by its tangent
 * s = s⁰ + σ'(u⁰ − θ⁰)·((u − θ) − (u⁰ − θ⁰)), and the resets are frozen, because the rule says that they are
 * constants. This model is written independently of the neuron's own derivative.
 */
import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.ts';
import { differentiate } from '../compile/differentiate.ts';
import { createReferenceEngine } from '../engine/reference.ts';
import { Graph } from '../graph/graph.ts';
import { f32, size } from '../graph/value.ts';
import { RESETS, type Reset } from '../neurons/neuron.ts';
import {
  arctan,
  fastSigmoid,
  rectangle,
  straightThrough,
  surrogateDerivative,
  triangle,
} from '../neurons/surrogate.ts';
import { random } from '../random.ts';
import { add, mul } from './elementwise.ts';
import { type NeuronAttrs, neurons } from './neuron.ts';
import { reduceSum } from './reduce.ts';

const T = 6;
const SHAPE = [2, 3, 2, 1];
const N = size(SHAPE);

interface Problem {
  beta: number[];
  threshold: number[];
  /** [T][N] */
  current: number[];
  spikeWeights: number[];
  membraneWeights: number[];
}

function problem(timed: boolean, perChannel: boolean): Problem {
  const draw = random(3, 'neuron', Number(timed), Number(perChannel));
  const list = (n: number, low: number, high: number) =>
    Array.from({ length: n }, () => Math.fround(draw.uniform(low, high)));
  const once = list(N, 0, 1.1);
  return {
    beta: list(perChannel ? 3 : 1, 0.4, 0.95),
    threshold: list(perChannel ? 3 : 1, 0.6, 1.1),
    current: timed ? list(T * N, -0.2, 1.2) : Array.from({ length: T * N }, (_, i) => once[i % N]),
    spikeWeights: list(T * N, -1, 1),
    membraneWeights: list(T * N, -0.5, 0.5),
  };
}

/** Resets and tangent points of the run at the given parameters, in f32 as the op runs it. */
function frozenRun(p: Problem, attrs: NeuronAttrs) {
  const f = Math.fround;
  const u = new Array<number>(T * N);
  const reset = new Array<number>(T * N).fill(0);
  const { reset: rule, resetDelay: late } = attrs;
  for (let n = 0; n < N; n++) {
    const channel = Math.floor(n / 2) % 3;
    const beta = p.beta[channel % p.beta.length];
    const theta = p.threshold[channel % p.threshold.length];
    let v = 0;
    for (let t = 0; t < T; t++) {
      const i = t * N + n;
      u[i] = f(f(beta * v) + p.current[i]);
      if (late) {
        reset[i] = v > theta ? 1 : 0;
        if (reset[i]) u[i] = rule === 'subtract' ? f(u[i] - theta) : rule === 'zero' ? 0 : u[i];
        v = u[i];
      } else {
        reset[i] = u[i] > theta ? 1 : 0;
        v = reset[i] && rule !== 'none' ? (rule === 'subtract' ? f(u[i] - theta) : 0) : u[i];
      }
    }
  }
  return { u, reset };
}

/** The tangent model's loss at other parameters. */
function tangentLoss(
  p: Problem,
  base: Problem,
  run: ReturnType<typeof frozenRun>,
  attrs: NeuronAttrs,
): number {
  const { reset: rule, resetDelay: late } = attrs;
  let loss = 0;
  for (let n = 0; n < N; n++) {
    const channel = Math.floor(n / 2) % 3;
    const at = (values: number[]) => values[channel % values.length];
    let v = 0;
    for (let t = 0; t < T; t++) {
      const i = t * N + n;
      let u = at(p.beta) * v + p.current[i];
      if (late && run.reset[i]) u = rule === 'subtract' ? u - at(p.threshold) : rule === 'zero' ? 0 : u;
      const x0 = run.u[i] - at(base.threshold);
      const s = (x0 > 0 ? 1 : 0) + surrogateDerivative(attrs.surrogate, x0) * (u - at(p.threshold) - x0);
      loss += p.spikeWeights[i] * s + p.membraneWeights[i] * u;
      v = u;
      if (!late && run.reset[i]) v = rule === 'subtract' ? u - at(p.threshold) : rule === 'zero' ? 0 : u;
    }
  }
  return loss;
}

async function opGradients(p: Problem, attrs: NeuronAttrs, timed: boolean) {
  const graph = new Graph();
  const parameter = (name: string, values: number[]) => {
    const shape = values.length > 1 ? [values.length] : [];
    return graph.variable({ name, kind: 'parameter', shape, initial: () => Float32Array.from(values) });
  };
  const beta = parameter('beta', p.beta);
  const threshold = parameter('threshold', p.threshold);
  const current = graph.input('current', f32(SHAPE, timed ? T : null));
  const weights = graph.input('spikeWeights', f32(SHAPE, T));
  const membraneWeights = graph.input('membraneWeights', f32(SHAPE, T));
  const { spikes, membrane } = neurons(current, [beta, threshold], attrs);
  const all = { axes: [0, 1, 2, 3], time: true };
  const loss = add(reduceSum(mul(spikes, weights), all), reduceSum(mul(membrane, membraneWeights), all));
  const gradients = differentiate(loss, [current, beta, threshold]);
  for (const [name, value] of Object.entries({ current, beta, threshold }))
    graph.output(name, gradients.get(value) ?? value);
  const program = createReferenceEngine({ precision: 'f64' }).createSession().load(compile(graph));
  const data = timed ? p.current : p.current.slice(0, N);
  await program.run({
    current: Float32Array.from(data),
    spikeWeights: Float32Array.from(p.spikeWeights),
    membraneWeights: Float32Array.from(p.membraneWeights),
  });
  const read = (name: string) => [...program.readDouble(name)];
  return { current: read('current'), beta: read('beta'), threshold: read('threshold') };
}

const SURROGATES = [fastSigmoid(5), arctan(2), rectangle(1.2), triangle(1.5), straightThrough()];

describe('gradient of neurons through time', () => {
  for (const reset of RESETS)
    for (const resetDelay of [true, false])
      for (const surrogate of SURROGATES)
        for (const timed of [true, false])
          it(`${reset} ${resetDelay ? 'late' : 'at once'}, ${surrogate.kind}, ${timed ? 'timed' : 'static'}`, () =>
            check(reset, resetDelay, surrogate, timed));

  async function check(
    reset: Reset,
    resetDelay: boolean,
    surrogate: NeuronAttrs['surrogate'],
    timed: boolean,
  ) {
    const attrs: NeuronAttrs = { model: 'lif', steps: T, reset, resetDelay, surrogate };
    const base = problem(timed, timed);
    const run = frozenRun(base, attrs);
    expect(run.u.some((u, i) => u > base.threshold[Math.floor((i % N) / 2) % base.threshold.length])).toBe(
      true,
    );
    const found = await opGradients(base, attrs, timed);
    const h = 1e-4;
    const numeric = (change: (p: Problem, d: number) => Problem) =>
      (tangentLoss(change(base, h), base, run, attrs) - tangentLoss(change(base, -h), base, run, attrs)) /
      (2 * h);
    const bump = (values: number[], i: number, d: number) => values.map((x, k) => (k === i ? x + d : x));
    const near = (a: number, b: number) =>
      expect(Math.abs(a - b)).toBeLessThan(2e-5 * Math.max(1, Math.abs(b)));
    found.beta.forEach((g, i) => {
      near(
        g,
        numeric((p, d) => ({ ...p, beta: bump(p.beta, i, d) })),
      );
    });
    found.threshold.forEach((g, i) => {
      near(
        g,
        numeric((p, d) => ({ ...p, threshold: bump(p.threshold, i, d) })),
      );
    });
    found.current.forEach((g, i) => {
      const moved = (p: Problem, d: number) =>
        p.current.map((x, k) => ((timed ? k === i : k % N === i) ? x + d : x));
      near(
        g,
        numeric((p, d) => ({ ...p, current: moved(p, d) })),
      );
    });
  }

  it('gives β outside [0, 1] no gradient', async () => {
    const attrs: NeuronAttrs = {
      model: 'lif',
      steps: T,
      reset: 'none',
      resetDelay: true,
      surrogate: fastSigmoid(5),
    };
    const found = await opGradients({ ...problem(true, false), beta: [1.2] }, attrs, true);
    expect(found.beta).toEqual([0]);
  });
});
