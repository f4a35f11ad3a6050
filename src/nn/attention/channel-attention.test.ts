/** Channel attention against its formula, worked out here with plain loops; with and without sharing. */
import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.ts';
import { createReferenceEngine } from '../../engine/reference.ts';
import { f32 } from '../../graph/value.ts';
import { Net } from '../net.ts';
import { channelAttention } from './channel-attention.ts';

const CHANNELS = 4;
const PIXELS = 6;
const IMAGE = Float32Array.from({ length: CHANNELS * PIXELS }, (_, i) => Math.sin(i * i + 1));

async function attend(shared: boolean) {
  const net = new Net({ framework: 'keras', training: true, seed: 3 });
  const x = net.graph.input('x', f32([1, CHANNELS, 2, 3]));
  net.graph.output('y', channelAttention(net, 'a', x, { reduction: 2, shared }));
  const session = createReferenceEngine().createSession();
  const program = session.load(compile(net.graph));
  await program.run({ x: IMAGE });
  return { y: [...program.read('y')], read: (name: string) => [...session.readVariable(name)], net };
}

function mlp(v: readonly number[], squeeze: readonly number[], excite: readonly number[]): number[] {
  const hidden = [0, 1].map((h) =>
    Math.max(
      0,
      v.reduce((sum, x, c) => sum + x * squeeze[h * CHANNELS + c], 0),
    ),
  );
  return v.map((_, c) => hidden.reduce((sum, x, h) => sum + x * excite[c * 2 + h], 0));
}

describe('channelAttention', () => {
  it.each([
    [false, 'a.mean', 'a.max', 4 * CHANNELS * 2],
    [true, 'a.both', 'a.both', 2 * CHANNELS * 2],
  ])('weighs channels by mean and maximum, shared: %s', async (shared, ofMean, ofMax, parameters) => {
    const { y, read, net } = await attend(shared);
    const maps = Array.from({ length: CHANNELS }, (_, c) => [
      ...IMAGE.subarray(c * PIXELS, (c + 1) * PIXELS),
    ]);
    const means = maps.map((map) => map.reduce((sum, x) => sum + x, 0) / PIXELS);
    const maxima = maps.map((map) => Math.max(...map));
    const through = (v: number[], of: string) =>
      mlp(v, read(`${of}.squeeze.weight`), read(`${of}.excite.weight`));
    const [a, b] = [through(means, ofMean), through(maxima, ofMax)];
    maps.forEach((map, c) => {
      const scale = 1 / (1 + Math.exp(-(a[c] + b[c])));
      map.forEach((x, i) => {
        expect(y[c * PIXELS + i]).toBeCloseTo(scale * x, 6);
      });
    });
    expect(net.parameterCount).toBe(parameters);
  });
});
