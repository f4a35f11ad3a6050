import { expect, it } from 'vitest';
import { compile } from '../compile/compile.ts';
import { createReferenceEngine } from '../engine/reference.ts';
import { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/value.ts';
import { normalizeImage } from './normalize.ts';

it('normalizes each channel by its own statistics', async () => {
  const graph = new Graph();
  const image = graph.input('image', f32([2, 2, 1, 2]));
  graph.output('y', normalizeImage(image, { mean: [0.5, 0.25], deviation: [0.5, 0.125] }));
  const program = createReferenceEngine().createSession().load(compile(graph));
  await program.run({ image: Float32Array.of(0, 1, 0, 1, 0.5, 0.75, 0.25, 0.5) });
  expect([...program.read('y')]).toEqual([-1, 1, -2, 6, 0, 0.5, 0, 2]);
});

it('refuses statistics of another number of channels', () => {
  const image = new Graph().input('image', f32([1, 1, 2, 2]));
  expect(() => normalizeImage(image, { mean: [0, 0, 0], deviation: [1, 1, 1] })).toThrow(
    'normalizeImage(): expected statistics of 1 channels, got 3',
  );
});
