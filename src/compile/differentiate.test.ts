/** Where gradients stop: nothing passes, everything else does, and a step knows nothing of it. */
import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../engine/reference.ts';
import { Graph, stopGradient } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import { add, mul } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { reduceSum } from '../ops/reduce.ts';
import { compile } from './compile.ts';
import { differentiate } from './differentiate.ts';

function parameter(graph: Graph, name: string, numbers: readonly number[]): Value {
  const initial = () => Float32Array.from(numbers);
  return graph.variable({ name, kind: 'parameter', shape: [numbers.length], initial });
}

describe('stopGradient', () => {
  it('lets a product pass through one factor only', async () => {
    const graph = new Graph();
    const x = parameter(graph, 'x', [2, 3]);
    const [g] = differentiate(reduceSum(mul(stopGradient(x), x), { axes: [0] }), [x]).values();
    graph.output('g', g);
    const program = createReferenceEngine().createSession().load(compile(graph));
    await program.run({});
    expect([...program.read('g')]).toEqual([2, 3]);
  });

  it('stops what lies before it, and adds no node', () => {
    const graph = new Graph();
    const [x, y] = [parameter(graph, 'x', [1]), parameter(graph, 'y', [1])];
    const product = mul(x, x);
    const loss = reduceSum(add(stopGradient(stopGradient(product)), y), { axes: [0] });
    expect([...differentiate(loss, [x, y]).keys()]).toEqual([y]);
    expect(graph.nodes.filter(({ op }) => op.name === 'mul')).toHaveLength(1);
    graph.output('stopped', stopGradient(product));
    expect(graph.outputs.get('stopped')).toBe(product);
  });

  it('holds for ops that look through what they read', () => {
    const graph = new Graph();
    const initial = () => new Float32Array(16);
    const x = graph.variable({ name: 'x', kind: 'parameter', shape: [1, 1, 4, 4], initial });
    const pooled = maxPool2d(stopGradient(mul(x, x)), { kernel: 2 });
    const loss = reduceSum(pooled, { axes: [0, 1, 2, 3] });
    expect(differentiate(loss, [x]).size).toBe(0);
  });
});
