import { describe, expect, it } from 'vitest';
import { arctan } from '../../neurons/surrogate.ts';
import { broadcastTo } from '../../ops/reduce.ts';
import { spikeAttention } from '../attention/spike-attention.ts';
import { Net } from '../net.ts';
import { alif } from './alif.ts';
import { encode } from './encode.ts';
import { lif } from './lif.ts';
import { readOut } from './readout.ts';

const net = (twin = false) => new Net({ framework: 'torch', training: true, seed: 0, twin });
const maps = (of: Net, time: number | null = null) => {
  const x = of.graph.constant([2, 8, 3, 3], new Float32Array(144));
  return time === null ? x : broadcastTo(x, x.shape, time);
};

describe('alif()', () => {
  it('makes spikes of a current at every step, and remembers a place, not an image', () => {
    const mine = net();
    const spikes = alif(mine, 'a', maps(mine), { steps: 3 });
    expect(spikes).toMatchObject({ dtype: 'spike', shape: [2, 8, 3, 3], time: 3 });
    expect(mine.graph.variables.get('a.adaptation')?.shape).toEqual([8, 3, 3]);
    expect([...mine.spikes.keys()]).toEqual(['a']);
    const dense = net(true);
    expect(alif(dense, 'a', maps(dense), { steps: 3 })).toMatchObject({ dtype: 'f32', time: null });
  });

  it.each([
    [{ tau: Number.NaN }, /alif\(a\): expected tau in \[0, 1\], got NaN/],
    [{ tau: undefined }, /expected tau in \[0, 1\], got undefined/],
    [{ threshold: -1 }, /expected a threshold above 0, got -1/],
    [{ adaptTau: 0 }, /expected adaptTau above 0, got 0/],
    [{ adaptStep: Number.NaN }, /expected a finite adaptStep/],
    [{ rule: 'foo' }, /expected rule base or cumulative, got foo/],
    [{ evaluation: 'foo' }, /expected evaluation running or frozen, got foo/],
    [{ surrogate: 'arctan' }, /expected a surrogate, such as fastSigmoid\(25\), .* got arctan/],
    [{ steps: 2.5 }, /expected one or more time steps, got 2\.5/],
    [{ steps: 8 }, /expected a current of 8 steps or without time, got T=3/],
  ])('refuses %o', (wrong, message) => {
    const given = { steps: 3, ...wrong } as never;
    const mine = net();
    expect(() => alif(mine, 'a', maps(mine, 3), given)).toThrow(message);
    const mask = { reduction: 2, neuron: 'alif', ...(given as object) } as never;
    expect(() => spikeAttention(mine, 'm', maps(mine, 3), mask)).toThrow(
      new RegExp(message.source.replace('(a', '(alif')),
    );
  });
});

describe('what is around neurons', () => {
  it('refuses what lif() cannot do', () => {
    const mine = net();
    const refused = (options: object) => () =>
      lif(mine, 'n', maps(mine), { steps: 2, beta: 0.5, ...options } as never);
    expect(refused({ surrogate: 'arctan' })).toThrow(/lif\(n\): expected a surrogate/);
    expect(refused({ reset: 'soft' })).toThrow(/expected reset subtract or zero or none, got soft/);
    expect(refused({ threshold: Number.POSITIVE_INFINITY })).toThrow(/expected a threshold above 0/);
    expect(() => arctan(2, Number.NaN)).toThrow(/arctan\(\): expected a scale above 0, got NaN/);
    const rows = mine.graph.constant([2, 3, 4], new Float32Array(24));
    expect(() => lif(mine, 'n', rows, { steps: 2, beta: 0.5 })).toThrow(/\[N, C\] or \[N, C, H, W\]/);
  });

  it('refuses names that it does not know', () => {
    const mine = net();
    expect(() => readOut(maps(mine, 2), 'sum' as never)).toThrow(
      /readOut\(\): expected count or mean, got sum/,
    );
    expect(() => encode(mine, maps(mine), 'poisson' as never, 2)).toThrow(
      /expected direct or rate or latency/,
    );
    expect(() => new Net({ framework: 'jax' as never, training: true, seed: 0 })).toThrow(/got jax/);
  });
});
