/** Spatial attention and CBAM against their formulae, worked out here with plain loops. */
import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.ts';
import { createReferenceEngine } from '../../engine/reference.ts';
import { f32, type Value } from '../../graph/value.ts';
import { Net } from '../net.ts';
import { channelAttention } from './channel-attention.ts';
import { spatialAttention } from './spatial-attention.ts';
import { ATTENTION } from './table.ts';

const [C, H, W] = [3, 4, 5];
const IMAGE = Float32Array.from({ length: C * H * W }, (_, i) => Math.sin(i * i + 1));

async function run(build: (net: Net, x: Value) => Value) {
  const net = new Net({ framework: 'keras', training: true, seed: 3 });
  net.graph.output('y', build(net, net.graph.input('x', f32([1, C, H, W]))));
  const session = createReferenceEngine().createSession();
  const program = session.load(compile(net.graph));
  await program.run({ x: IMAGE });
  return { y: [...program.read('y')], read: (name: string) => [...session.readVariable(name)], net };
}

describe('spatialAttention', () => {
  it.each([3, 7])('weighs places by mean and maximum over channels, kernel %i', async (kernel) => {
    const { y, read, net } = await run((net, x) => spatialAttention(net, 'a', x, { kernel }));
    const weight = read('a.conv.weight');
    const at = (c: number, i: number, j: number) =>
      i < 0 || i >= H || j < 0 || j >= W ? undefined : IMAGE[(c * H + i) * W + j];
    const seen = (of: number, i: number, j: number) => {
      const column = [0, 1, 2].map((c) => at(c, i, j));
      if (column[0] === undefined) return 0;
      const values = column as number[];
      return of === 0 ? values.reduce((a, b) => a + b, 0) / C : Math.max(...values);
    };
    const half = (kernel - 1) / 2;
    for (let i = 0; i < H; i++)
      for (let j = 0; j < W; j++) {
        let sum = 0;
        for (const of of [0, 1])
          for (let a = 0; a < kernel; a++)
            for (let b = 0; b < kernel; b++)
              sum += weight[(of * kernel + a) * kernel + b] * seen(of, i + a - half, j + b - half);
        for (let c = 0; c < C; c++)
          expect(y[(c * H + i) * W + j]).toBeCloseTo(IMAGE[(c * H + i) * W + j] / (1 + Math.exp(-sum)), 6);
      }
    expect(net.parameterCount).toBe(2 * kernel * kernel);
  });
});

describe('ATTENTION', () => {
  it('cbam is channel attention, then spatial attention', async () => {
    const direct = await run((net, x) =>
      net.layer('a', () =>
        spatialAttention(net, 'spatial', channelAttention(net, 'channel', x, { reduction: 1 })),
      ),
    );
    const named = await run((net, x) => ATTENTION.cbam(net, 'a', x, { reduction: 1 }));
    expect(named.y).toEqual(direct.y);
    expect(named.y).not.toEqual(
      (await run((net, x) => ATTENTION['shared-cbam'](net, 'a', x, { reduction: 1 }))).y,
    );
  });

  it('none is nothing', () => {
    const net = new Net({ framework: 'keras', training: true, seed: 3 });
    const x = net.graph.input('x', f32([1, C, H, W]));
    expect(ATTENTION.none(net, 'a', x, { reduction: 1 })).toBe(x);
    expect(net.parameterCount).toBe(0);
  });
});
