import { describe, expect, it } from 'vitest';
import { differentiate } from '../compile/differentiate.ts';
import { Graph, stopGradient } from '../graph/graph.ts';
import { f32, type Value } from '../graph/value.ts';
import { mul, relu, sigmoid } from './elementwise.ts';
import { avgPool2d, maxPool2d } from './pool.ts';
import { reduceSum } from './reduce.ts';

const HALVED = { kernel: 2 };

describe('what is pooled', () => {
  const gradientOf = (build: (x: Value) => Value, of: (graph: Graph) => Value) => {
    const graph = new Graph();
    const x = of(graph);
    const loss = reduceSum(build(x), { axes: [0, 1, 2, 3] });
    return differentiate(loss, [x]).get(x) ?? null;
  };
  const maps = (graph: Graph) => graph.input('x', f32([1, 2, 4, 4]));

  it('stops gradients where they are stopped before', () => {
    expect(gradientOf((x) => maxPool2d(relu(x), HALVED), maps)).not.toBeNull();
    expect(gradientOf((x) => maxPool2d(relu(stopGradient(x)), HALVED), maps)).toBeNull();
    const weights = (graph: Graph) => graph.input('weights', f32([1, 2, 1, 1]));
    const weighed = (x: Value) => x.graph.constant([1, 2, 4, 4], new Float32Array(32).fill(1));
    const pooled = (x: Value, weight: Value) => maxPool2d(mul(weighed(x), sigmoid(weight)), HALVED);
    expect(gradientOf((x) => pooled(x, x), weights)).not.toBeNull();
    expect(gradientOf((x) => pooled(x, stopGradient(x)), weights)).toBeNull();
  });

  it('may be stretched by a factor, and may be spikes where means are taken', () => {
    const graph = new Graph();
    const constant = graph.constant([2, 4, 4], new Float32Array(32).fill(1));
    const weight = sigmoid(graph.input('weights', f32([3, 2, 1, 1])));
    expect(maxPool2d(mul(constant, weight), HALVED).shape).toEqual([3, 2, 2, 2]);
    const spikes = graph.input('spikes', { ...f32([3, 2, 4, 4], 2), dtype: 'spike' });
    expect(avgPool2d(spikes, HALVED)).toMatchObject({ dtype: 'f32', shape: [3, 2, 2, 2], time: 2 });
  });

  it('is padded by less than the kernel, in one number, two or four', () => {
    const graph = new Graph();
    const x = maps(graph);
    expect(maxPool2d(x, { kernel: 3, stride: 1, padding: 1 }).shape).toEqual([1, 2, 4, 4]);
    expect(maxPool2d(x, { kernel: 3, stride: 1, padding: [1, 0] }).shape).toEqual([1, 2, 4, 2]);
    expect(() => maxPool2d(x, { kernel: 2, padding: 2 })).toThrow(
      /expected padding less than the kernel, 2×2/,
    );
    expect(() => avgPool2d(x, { kernel: 2, padding: 'valid' as never })).toThrow(
      /expected padding as one number, two or four, got valid/,
    );
  });
});

it('reduces each axis once', () => {
  const x = new Graph().input('x', f32([2, 3, 4]));
  expect(() => reduceSum(x, { axes: [1, -2] })).toThrow(/expected each axis once, got \[1, 1\]/);
});
