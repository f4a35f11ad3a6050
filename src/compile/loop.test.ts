import { describe, expect, it } from 'vitest';
import { apply, Graph } from '../graph/graph.ts';
import { f32, type Value } from '../graph/value.ts';
import { batchNormOp } from '../ops/batch-norm.ts';
import { concat } from '../ops/concat.ts';
import { dropout } from '../ops/dropout.ts';
import { add, affine } from '../ops/elementwise.ts';
import { joinMicro, microBatch, sumMicro } from '../ops/micro-batch.ts';
import { broadcastTo, reduceSum, reshapeTo } from '../ops/reduce.ts';
import { compile } from './compile.ts';
import { rowsAreIndependent } from './loop.ts';

const names = (graph: Graph) => {
  const { steps, loop } = compile(graph);
  const ops = steps.map((step) => step.root.op.name);
  return [ops.slice(0, loop?.first), ops.slice(loop?.first, loop?.end), ops.slice(loop?.end)];
};

describe('a loop over micro-batches', () => {
  it('holds what is computed from a micro-batch, and ends at sums and joins', () => {
    const graph = new Graph();
    const x = graph.input('x', f32([6, 2]));
    const scale = affine(graph.input('scale', f32([2])), 2);
    const part = add(microBatch(x, 3), scale);
    const total = sumMicro(reduceSum(part, { axes: [0] }), 3);
    const joined = joinMicro(part, 3);
    graph.output('y', add(joined, total));
    expect(names(graph)).toEqual([
      ['affine'],
      ['microBatch', 'add', 'joinMicro', 'reduceSum', 'sumMicro'],
      ['add'],
    ]);
    const { loop, placements } = compile(graph);
    expect(loop).toMatchObject({ count: 3, slots: 3 });
    // Rows of a micro-batch are not copied: they are a moving window of the whole.
    const rows = [...placements.values()].filter(({ stride }) => stride > 0);
    expect(rows.map(({ region, stride }) => [region, stride])).toEqual([
      ['io', 2 * 2 * 4],
      ['arena', 2 * 2 * 4],
    ]);
  });

  it('needs memory for one micro-batch', () => {
    const graph = new Graph();
    let x = microBatch(graph.input('x', f32([64, 1000])), 16);
    for (let i = 0; i < 3; i++) x = affine(x, 2);
    graph.output('y', sumMicro(reduceSum(x, { axes: [0, 1] }), 16));
    const { arenaBytes, microBytes } = compile(graph);
    expect(arenaBytes).toBe(0);
    expect(microBytes).toBeLessThanOrEqual(2 * 4 * 1000 * 4 + 64);
  });

  it('cannot read what is only known after it', () => {
    const graph = new Graph();
    const part = microBatch(graph.input('x', f32([6, 2])), 3);
    graph.output('y', joinMicro(add(part, sumMicro(part, 3)), 3));
    expect(() => compile(graph)).toThrow('expected micro-batches that read no sum');
  });

  it('has one number of micro-batches', () => {
    const graph = new Graph();
    const [a, b] = ['a', 'b'].map((name, i) => microBatch(graph.input(name, f32([6, 2])), 2 + i));
    graph.output('y', sumMicro(a, 2));
    graph.output('z', sumMicro(b, 3));
    expect(() => compile(graph)).toThrow('expected one number of micro-batches, 2, got 3');
  });

  it('divides the batch', () => {
    const graph = new Graph();
    expect(() => microBatch(graph.input('x', f32([6, 2])), 4)).toThrow('that divides 6, got 4');
    expect(() => microBatch(graph.input('t', f32([6, 2], 3)), 2)).toThrow('without time');
  });
});

describe('rowsAreIndependent()', () => {
  const independent = (build: (x: Value, graph: Graph) => void) => {
    const graph = new Graph();
    build(graph.input('x', f32([4, 6])), graph);
    return rowsAreIndependent(graph.nodes, 4);
  };

  it('sees rows that mix, and ops that draw by index', () => {
    expect(independent((x) => affine(x, 2))).toBe(true);
    expect(independent((x, graph) => add(x, affine(graph.scalar(1), 2)))).toBe(true);
    expect(independent((x) => reduceSum(x, { axes: [1] }))).toBe(true);
    expect(independent((x) => reduceSum(x, { axes: [0] }))).toBe(false);
    expect(independent((x) => concat([x, x], 0))).toBe(false);
    expect(independent((x) => reshapeTo(x, [2, 12]))).toBe(false);
    expect(independent((x) => reshapeTo(x, [6, 4]))).toBe(false);
    const rng = (graph: Graph) =>
      graph.input('rng', { dtype: 'i32', shape: [2], time: null, format: 'flat' });
    expect(independent((x, graph) => dropout(x, rng(graph), 0.5, 0))).toBe(false);
  });

  it('follows channels that are made rows, and back', () => {
    const rows = (x: Value) => affine(reshapeTo(x, [8, 3]), 2);
    expect(independent(rows)).toBe(true);
    expect(independent((x) => reshapeTo(rows(x), [4, 2, 3]))).toBe(true);
    expect(independent((x) => reduceSum(rows(x), { axes: [0] }))).toBe(false);
    // Rows 4 to 7 are of other images on either side.
    expect(independent((x, graph) => add(rows(x), graph.input('other', f32([8, 3]))))).toBe(false);
  });

  it('is not misled by an axis that is as long as the batch', () => {
    const square = (build: (x: Value) => void) => {
      const graph = new Graph();
      build(graph.input('x', f32([4, 4, 2])));
      return rowsAreIndependent(graph.nodes, 4);
    };
    expect(square((x) => reduceSum(x, { axes: [1] }))).toBe(true);
    expect(square((x) => reduceSum(x, { axes: [0] }))).toBe(false);
    expect(square((x) => add(x, reduceSum(x, { axes: [1], keepDims: true })))).toBe(true);
    // Row i is added to column i of all rows.
    expect(square((x) => add(x, reduceSum(x, { axes: [1] })))).toBe(false);
    expect(square((x) => broadcastTo(reduceSum(x, { axes: [1] }), [4, 4, 2], null))).toBe(false);
  });

  it('lets BatchNorm pass on running statistics, until somebody reads what it used', () => {
    const norm = (x: Value, graph: Graph, training: boolean) => {
      const ofChannels = ['gamma', 'beta', 'mean', 'variance'].map((name) => graph.input(name, f32([6])));
      return apply(batchNormOp, [x, ...ofChannels], { momentum: 0.1, eps: 1e-3, unbiased: true, training });
    };
    expect(independent((x, graph) => norm(x, graph, false))).toBe(true);
    expect(independent((x, graph) => norm(x, graph, true))).toBe(false);
    expect(independent((x, graph) => affine(norm(x, graph, false)[1], 2))).toBe(false);
  });
});
