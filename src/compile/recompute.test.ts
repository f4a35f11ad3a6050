import { describe, expect, it } from 'vitest';
import { openEngine } from '../engine/select.ts';
import { apply, Graph } from '../graph/graph.ts';
import { f32, size } from '../graph/value.ts';
import { batchNormOp } from '../ops/batch-norm.ts';
import { convolve } from '../ops/conv2d.ts';
import { mul, relu } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { reduceSum } from '../ops/reduce.ts';
import { random } from '../random.ts';
import { type CompileOptions, compile } from './compile.ts';
import { differentiate } from './differentiate.ts';
import type { Plan } from './plan.ts';

const SHAPE = [2, 3, 96, 96];

/** Two convolutions, the first with a large output that only its own normalisation reads, twice. */
function plan(options: CompileOptions = {}): Plan {
  const graph = new Graph();
  const draw = random(3, 'weights');
  const parameter = (name: string, shape: number[], initial = () => 0.3 * draw.normal()) =>
    graph.variable({
      name,
      kind: 'parameter',
      shape,
      initial: () => Float32Array.from({ length: size(shape) }, initial),
    });
  const [w, w2] = [parameter('w', [20, 3, 3, 3]), parameter('w2', [24, 20, 3, 3])];
  const norm = ['gamma', 'beta', 'mean', 'variance'].map((name) => parameter(name, [20], () => 1));
  const x = convolve(graph.input('x', f32(SHAPE)), w, null, { padding: 1 });
  const [y] = apply(batchNormOp, [x, ...norm], { momentum: 0.1, eps: 1e-3, unbiased: true, training: true });
  const z = convolve(maxPool2d(relu(y), { kernel: 2 }), w2, null, { padding: 1 });
  const loss = reduceSum(mul(z, z), { axes: [0, 1, 2, 3] });
  graph.output('loss', loss);
  for (const [parameter, g] of differentiate(loss, [w, w2, norm[0]]))
    graph.output(parameter.source.kind === 'variable' ? parameter.source.variable.name : '', g);
  return compile(graph, options);
}

const repeated = ({ steps }: Plan) =>
  steps.filter((step, i) => steps.indexOf(step) < i).map(({ root }) => root.op.name);

async function results(of: Plan): Promise<Map<string, Float32Array>> {
  const session = openEngine({ threads: 2 }).createSession();
  const program = session.load(of);
  const draw = random(1, 'x');
  await program.run({ x: Float32Array.from({ length: size(SHAPE) }, () => draw.uniform()) });
  const found = new Map([...of.outputs.keys()].map((name) => [name, Float32Array.from(program.read(name))]));
  session.close();
  return found;
}

describe('recompute()', () => {
  it('repeats a cheap convolution whose output is read again late, and gives the same bits', async () => {
    const [kept, again] = [plan({ recompute: false }), plan()];
    expect(repeated(kept)).toEqual([]);
    expect(repeated(again)).toEqual(['conv2d']);
    expect(again.arenaBytes).toBeLessThan(kept.arenaBytes);
    const [a, b] = [await results(kept), await results(again)];
    expect([...a.keys()]).toEqual(['loss', 'w', 'w2', 'gamma']);
    expect(b).toEqual(a);
    expect(a.get('w')?.every((g) => g !== 0)).toBe(true);
  });
});
