/** Encodings and read-outs, run on the reference engine. */
import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.ts';
import { createReferenceEngine } from '../../engine/reference.ts';
import { f32 } from '../../graph/value.ts';
import { Net } from '../net.ts';
import { encode } from './encode.ts';
import { lif } from './lif.ts';
import { ceCountLoss, readOut } from './readout.ts';

const T = 8;
const newNet = () => new Net({ framework: 'torch', training: true, seed: 1 });

async function run(net: Net, feeds: Record<string, Float32Array | Int32Array>) {
  const program = createReferenceEngine().createSession().load(compile(net.graph));
  await program.run(feeds);
  return (name: string) => [...program.read(name)];
}

describe('rate coding', () => {
  async function spikes(pixels: number[], steps: number, seed: number): Promise<number[]> {
    const net = newNet();
    const image = net.graph.input('images', f32([1, pixels.length]));
    net.graph.output('spikes', encode(net, image, 'rate', steps));
    const read = await run(net, { images: Float32Array.from(pixels), rng: Int32Array.of(seed, 7) });
    return read('spikes');
  }

  it('fires with the pixel as probability', async () => {
    const pixels = [0, 0.1, 0.5, 0.9, 1];
    const steps = 4000;
    const train = await spikes(pixels, steps, 3);
    pixels.forEach((p, i) => {
      let count = 0;
      for (let t = 0; t < steps; t++) count += train[t * pixels.length + i];
      const deviation = Math.sqrt(p * (1 - p) * steps);
      expect(Math.abs(count - p * steps)).toBeLessThanOrEqual(4.5 * deviation);
    });
  });

  it('repeats by seed, and differs between seeds', async () => {
    const pixels = new Array(64).fill(0.5);
    expect(await spikes(pixels, T, 1)).toEqual(await spikes(pixels, T, 1));
    expect(await spikes(pixels, T, 1)).not.toEqual(await spikes(pixels, T, 2));
  });
});

describe('latency coding', () => {
  it('fires once, the brighter the earlier, and never below its threshold', async () => {
    const net = newNet();
    const image = net.graph.input('images', f32([1, 5]));
    net.graph.output('spikes', encode(net, image, 'latency', T));
    const read = await run(net, { images: Float32Array.of(1, 0.75, 0.5, 0.02, 0) });
    const train = read('spikes');
    const times = [0, 1, 2, 3, 4].map((i) =>
      Array.from({ length: T }, (_, t) => t).filter((t) => train[t * 5 + i] === 1),
    );
    expect(times).toEqual([[0], [2], [4], [7], []]);
  });
});

describe('direct coding', () => {
  it('is the image itself, without time', () => {
    const net = newNet();
    const image = net.graph.input('images', f32([1, 5]));
    expect(encode(net, image, 'direct', T)).toBe(image);
  });
});

describe('read-outs', () => {
  async function counted() {
    const net = newNet();
    const current = net.graph.input('current', f32([2, 3]));
    const labels = net.graph.input('labels', { dtype: 'i32', shape: [2], time: null, format: 'flat' });
    const { spikes } = lif(net, 'out', current, { steps: T, beta: 0, reset: 'none' });
    net.graph.output('count', readOut(spikes, 'count'));
    net.graph.output('mean', readOut(spikes, 'mean'));
    net.graph.output('loss', ceCountLoss(spikes, labels).loss);
    // Without memory or reset a neuron fires at every step or never.
    return run(net, { current: Float32Array.of(2, 0, 0, 0, 2, 2), labels: Int32Array.of(0, 0) });
  }

  it('count spikes, or take their mean', async () => {
    const read = await counted();
    expect(read('count')).toEqual([T, 0, 0, 0, T, T]);
    expect(read('mean')).toEqual([1, 0, 0, 0, 1, 1]);
  });

  it('ceCountLoss takes the counts as logits', async () => {
    const read = await counted();
    const first = Math.log(Math.exp(T) + 2) - T;
    const second = Math.log(2 * Math.exp(T) + 1);
    expect(read('loss')[0]).toBeCloseTo((first + second) / 2, 5);
  });
});

describe('LIF layer', () => {
  it('refuses β outside [0, 1] and a threshold that is not above 0', () => {
    const net = newNet();
    const current = net.graph.input('current', f32([2, 3]));
    expect(() => lif(net, 'a', current, { steps: T, beta: 1.5 })).toThrow(
      'lif(a): expected beta in [0, 1], got 1.5',
    );
    expect(() => lif(net, 'b', current, { steps: T, beta: 0.5, threshold: 0 })).toThrow(
      /threshold above 0, got 0/,
    );
  });
});

describe('a dense twin', () => {
  it('has ReLU for neurons, no time and none of their parameters', async () => {
    const net = new Net({ framework: 'torch', training: false, seed: 5, twin: true });
    const image = encode(net, net.graph.input('images', f32([1, 4])), 'rate', 7);
    const { spikes, membrane } = lif(net, 'lif', image, { steps: 7, beta: 0.5, learnBeta: true });
    expect([spikes.time, spikes.dtype, membrane, net.spikes.size]).toEqual([null, 'f32', spikes, 0]);
    expect(net.parameters).toEqual([]);
    net.graph.output('counts', readOut(spikes, 'count'));
    const read = await run(net, { images: Float32Array.of(-1, 0.5, 0, 3) });
    expect(read('counts')).toEqual([0, 0.5, 0, 3]);
  });
});
