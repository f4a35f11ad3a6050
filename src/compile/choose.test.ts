import { describe, expect, it } from 'vitest';
import { apply, Graph } from '../graph/graph.ts';
import { f32 } from '../graph/value.ts';
import { convolve } from '../ops/conv2d.ts';
import { reduceSum } from '../ops/reduce.ts';
import { OPS } from '../ops/table.ts';
import { type ConvAlgorithm, chooseConv } from './choose.ts';
import { compile } from './compile.ts';
import { differentiate } from './differentiate.ts';

interface Shape {
  x: readonly [number, number, number, number];
  o: number;
  k?: number;
  stride?: number;
  groups?: number;
  spikes?: boolean;
}

/** A convolution and its gradients, [forward, gradient of x, gradient of w]. */
function steps({ x: shape, o, k = 3, stride = 1, groups = 1, spikes = false }: Shape) {
  const graph = new Graph();
  const weight = [o, shape[1] / groups, k, k];
  const variable = (name: string, of: readonly number[]) =>
    graph.variable({
      name,
      kind: 'parameter',
      shape: of,
      initial: () => new Float32Array(of.reduce((a, b) => a * b, 1)),
    });
  const x = spikes ? graph.input('x', { ...f32(shape), dtype: 'spike' }) : graph.input('x', f32(shape));
  const w = variable('w', weight);
  const y = convolve(x, w, null, { padding: (k - 1) / 2, stride, groups });
  const gradients = differentiate(reduceSum(y, { axes: [0, 1, 2, 3], time: false }), spikes ? [w] : [x, w]);
  for (const [i, value] of [y, ...gradients.values()].entries()) graph.output(`${i}`, value);
  const order = ['conv2d', 'conv2dGradInput', 'conv2dGradWeight'];
  return compile(graph)
    .steps.filter(({ conv }) => conv)
    .sort((a, b) => order.indexOf(a.root.op.name) - order.indexOf(b.root.op.name));
}

const algorithms = (shape: Shape) => steps(shape).map(({ conv }) => conv?.algorithm);
const all = (algorithm: ConvAlgorithm) => [algorithm, algorithm, algorithm];

describe('chooseConv', () => {
  it.each<[ConvAlgorithm, Shape]>([
    ['winograd', { x: [64, 32, 32, 32], o: 64 }],
    ['winograd', { x: [64, 128, 8, 8], o: 256 }],
    ['winograd', { x: [64, 512, 4, 4], o: 512 }],
    ['winograd', { x: [1, 64, 64, 64], o: 64 }],
    // A tile is 4×4: of a map of 2×2 it wastes three quarters.
    ['direct', { x: [64, 512, 2, 2], o: 512 }],
    // One tile does not pay for the transform of its weights.
    ['direct', { x: [1, 512, 4, 4], o: 512 }],
    ['direct', { x: [64, 64, 16, 16], o: 128, k: 1 }],
    ['direct', { x: [64, 64, 16, 16], o: 64, k: 5 }],
    ['direct', { x: [64, 64, 16, 16], o: 64, groups: 2 }],
    ['depthwise', { x: [64, 64, 16, 16], o: 64, groups: 64 }],
    ['planes', { x: [64, 2, 32, 32], o: 2, groups: 2, k: 5 }],
    ['planes', { x: [64, 2, 32, 32], o: 1, k: 7 }],
    ['planes', { x: [64, 3, 64, 64], o: 4 }],
  ])('takes %s for %j', (algorithm, shape) => {
    expect(algorithms(shape)).toEqual(all(algorithm));
  });

  it('takes winograd with stride 2, but for the gradient of the weights', () => {
    const strided = (shape: Shape) => algorithms({ ...shape, stride: 2 });
    expect(strided({ x: [64, 64, 32, 32], o: 128 })).toEqual(['winograd', 'winograd', 'direct']);
    expect(strided({ x: [64, 256, 8, 8], o: 512 })).toEqual(['winograd', 'winograd', 'direct']);
    // One output of the 4×4 of a tile.
    expect(strided({ x: [64, 64, 2, 2], o: 64 })).toEqual(all('direct'));
  });

  it('takes winograd from few channels, forward', () => {
    expect(algorithms({ x: [64, 3, 64, 64], o: 32 })).toEqual(['winograd', 'direct', 'direct']);
    expect(algorithms({ x: [64, 1, 28, 28], o: 64 })).toEqual(['winograd', 'direct', 'direct']);
    // Runs of one tile.
    expect(algorithms({ x: [64, 3, 4, 4], o: 32 })).toEqual(all('direct'));
  });

  it('takes 3×3 on maps of one pixel for 1×1', () => {
    const cycles = (shape: Shape) => steps(shape).map(({ conv }) => conv?.cycles);
    expect(cycles({ x: [64, 512, 1, 1], o: 512 })).toEqual(cycles({ x: [64, 512, 1, 1], o: 512, k: 1 }));
    expect(cycles({ x: [64, 512, 1, 2], o: 512 })).not.toEqual(cycles({ x: [64, 512, 1, 2], o: 512, k: 1 }));
  });

  it('lets the kernel skip zeros where it can', () => {
    const events = (shape: Shape) => steps(shape).map(({ conv }) => conv?.events);
    expect(events({ x: [64, 64, 16, 16], o: 64 })).toEqual([false, true, false]);
    expect(events({ x: [64, 64, 16, 16], o: 64, spikes: true })).toEqual([true, true]);
    expect(events({ x: [64, 64, 16, 16], o: 64, k: 5 })).toEqual([false, false, false]);
    expect(events({ x: [64, 64, 16, 16], o: 64, k: 5, spikes: true })).toEqual([true, true]);
    expect(events({ x: [64, 64, 16, 16], o: 64, stride: 2, spikes: true })).toEqual([true, true]);
    expect(events({ x: [64, 3, 16, 16], o: 8, k: 1, spikes: true })).toEqual([true, true]);
    expect(events({ x: [64, 64, 16, 16], o: 64, groups: 2, spikes: true })).toEqual([false, false]);
    expect(events({ x: [64, 64, 16, 16], o: 64, groups: 64, spikes: true })).toEqual([false, false]);
    expect(algorithms({ x: [64, 4, 16, 16], o: 4, groups: 4, spikes: true })).toEqual(['direct', 'direct']);
  });

  it('falls back to Winograd where too many neurons fire for the events of a weight gradient', () => {
    expect(algorithms({ x: [64, 64, 16, 16], o: 64, spikes: true })).toEqual(['direct', 'winograd']);
    expect(algorithms({ x: [64, 64, 16, 16], o: 64, stride: 2, spikes: true })).toEqual(['direct', 'direct']);
  });

  it('does not look for zeros behind the gradient of a normalisation by statistics of the batch', () => {
    const events = (training: boolean) => {
      const graph = new Graph();
      const shape = [8, 16, 8, 8];
      const g = graph.input('g', f32(shape));
      const [scale, mean, invStd] = ['scale', 'mean', 'invStd'].map((name) => graph.input(name, f32([16])));
      const x = graph.input('x', f32(shape));
      const norm = { training, eps: 1e-5, momentum: 0.1, unbiased: true };
      const [dense] = apply(OPS.batchNormGrad, [x, scale, mean, invStd, g], norm);
      const one = [1, 1] as const;
      const weights = { ...f32([16, 16, 3, 3]), format: 'flat' } as const;
      const conv = { stride: one, padding: [1, 1, 1, 1] as const, dilation: one, groups: 1, target: shape };
      graph.output('dx', apply(OPS.conv2dGradInput, [dense, graph.input('w', weights)], conv)[0]);
      return compile(graph).steps.flatMap(({ conv }) => (conv ? [conv.events] : []));
    };
    expect(events(true)).toEqual([false]);
    expect(events(false)).toEqual([true]);
  });

  it('shows the cost of every candidate, the chosen one the lowest', () => {
    for (const { conv } of steps({ x: [16, 48, 14, 14], o: 96 })) {
      const { winograd = 0, direct = 0 } = conv?.cycles ?? {};
      expect(winograd).toBeGreaterThan(0);
      expect(direct).toBeGreaterThan(winograd);
    }
  });

  it('takes what is preferred only where it can run', () => {
    const [three] = steps({ x: [8, 16, 16, 16], o: 16 });
    expect(chooseConv(three, 'direct')?.algorithm).toBe('direct');
    expect(chooseConv(three, 'depthwise')?.algorithm).toBe('winograd');
  });

  it('leaves other steps alone', () => {
    const graph = new Graph();
    const sum = reduceSum(graph.input('x', f32([1, 2, 3, 3])), { axes: [0], time: false });
    graph.output('y', sum);
    expect(compile(graph).steps[0].conv).toBeUndefined();
  });
});
