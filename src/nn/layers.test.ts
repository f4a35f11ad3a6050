/** Conventions of the two frameworks: initial weights, "same" padding, transposed convolutions, and running statistics. */
import { describe, expect, it } from 'vitest';
import { compile } from '../compile/compile.ts';
import { createReferenceEngine } from '../engine/reference.ts';
import { f32 } from '../graph/value.ts';
import { glorotUniform, torchBias, torchUniform } from './init.ts';
import { batchNorm, type ConvTransposeLayerOptions, conv, convTranspose } from './layers.ts';
import { type Framework, Net } from './net.ts';

describe('initial weights', () => {
  const shape = [64, 32, 3, 3];
  const spread = (data: Float32Array) => Math.max(...data.map(Math.abs));

  it('Keras: U(±√(6/(fan_in + fan_out)))', () => {
    const limit = Math.sqrt(6 / (32 * 9 + 64 * 9));
    const data = glorotUniform(shape, 1, 'w');
    expect(spread(data)).toBeLessThanOrEqual(Math.fround(limit));
    expect(spread(data)).toBeGreaterThan(0.995 * limit);
    const variance = data.reduce((sum, x) => sum + x * x, 0) / data.length;
    expect(Math.abs(variance / (limit ** 2 / 3) - 1)).toBeLessThan(0.03);
  });

  it('PyTorch: U(±1/√fan_in) for weight and bias', () => {
    const limit = 1 / Math.sqrt(32 * 9);
    for (const data of [torchUniform(shape, 1, 'w'), torchBias(32 * 9)([4096], 1, 'b')]) {
      expect(spread(data)).toBeLessThanOrEqual(Math.fround(limit));
      expect(spread(data)).toBeGreaterThan(0.99 * limit);
    }
  });

  it('depend on seed and name only', () => {
    expect(torchUniform(shape, 1, 'w')).toEqual(torchUniform(shape, 1, 'w'));
    expect(torchUniform(shape, 1, 'w')).not.toEqual(torchUniform(shape, 2, 'w'));
    expect(torchUniform(shape, 1, 'w')).not.toEqual(torchUniform(shape, 1, 'v'));
  });
});

describe('same padding', () => {
  it.each([
    [8, 3, 1, 8],
    [8, 3, 2, 4],
    [7, 4, 2, 4],
    [5, 2, 1, 5],
  ])('a map of %i, kernel %i, stride %i gives %i', (n, kernel, stride, expected) => {
    const net = new Net({ framework: 'keras', training: false, seed: 0 });
    const x = net.graph.input('x', f32([1, 3, n, n]));
    expect(conv(net, 'c', x, { filters: 2, kernel, stride, padding: 'same' }).shape).toEqual([
      1,
      2,
      expected,
      expected,
    ]);
  });
});

describe('transposed convolution', () => {
  /** Of the row 1, 2 by a kernel of 1, 10, 100 and a bias of 0.5. */
  async function row(options: Partial<ConvTransposeLayerOptions>) {
    const net = new Net({ framework: 'keras', training: false, seed: 0 });
    const x = net.graph.input('x', f32([1, 1, 1, 2]));
    net.graph.output(
      'y',
      convTranspose(net, 'c', x, { filters: 1, kernel: [1, 3], stride: [1, 2], ...options }),
    );
    const session = createReferenceEngine().createSession();
    const program = session.load(compile(net.graph));
    session.writeVariable('c.weight', Float32Array.of(1, 10, 100));
    session.writeVariable('c.bias', Float32Array.of(0.5));
    await program.run({ x: Float32Array.of(1, 2) });
    return [...program.read('y')].map((y) => y - 0.5);
  }

  it('Keras valid: all that the kernel reaches', async () => {
    expect(await row({ padding: 'valid' })).toEqual([1, 10, 102, 20, 200]);
    expect(await row({ padding: 'valid', stride: [1, 4] })).toEqual([1, 10, 100, 0, 2, 20, 200, 0]);
  });

  it('Keras same: twice as large, the odd one off at the end', async () => {
    expect(await row({ padding: 'same' })).toEqual([1, 10, 102, 20]);
    expect(await row({ padding: 'same', stride: 1 })).toEqual([12, 120]);
    expect(await row({ padding: 'same', stride: [1, 4] })).toEqual([1, 10, 100, 0, 2, 20, 200, 0]);
  });

  it('PyTorch: padding off both sides, output padding at the end', async () => {
    expect(await row({})).toEqual([1, 10, 102, 20, 200]);
    expect(await row({ padding: [0, 1] })).toEqual([10, 102, 20]);
    expect(await row({ padding: [0, 1], outputPadding: [0, 1] })).toEqual([10, 102, 20, 200]);
  });

  it('has weights as PyTorch keeps them, and undoes the size of a convolution', () => {
    const net = new Net({ framework: 'torch', training: false, seed: 0 });
    const x = net.graph.input('x', f32([2, 6, 5, 4]));
    const options = { filters: 8, kernel: [3, 5], stride: 2, padding: 'same', groups: 2 } as const;
    expect(convTranspose(net, 'c', x, options).shape).toEqual([2, 8, 10, 8]);
    const [weight, bias] = net.parameters;
    expect([weight.shape, bias.shape]).toEqual([[6, 4, 3, 5], [8]]);
  });

  it('says what it cannot do', async () => {
    await expect(row({ padding: 'same', outputPadding: 1 })).rejects.toThrow(/beside a padding of numbers/);
    await expect(row({ outputPadding: [0, 2] })).rejects.toThrow(/an output padding from 0 to 1, got 2/);
    await expect(row({ padding: [1, 0] })).rejects.toThrow(/leaves something of the result, got 2/);
  });
});

describe('batch normalisation', () => {
  async function statistics(framework: Framework['name']) {
    const net = new Net({ framework, training: true, seed: 0 });
    const x = net.graph.input('x', f32([4, 1]));
    net.graph.output('y', batchNorm(net, 'bn', x));
    const session = createReferenceEngine().createSession();
    const program = session.load(compile(net.graph));
    await program.run({ x: Float32Array.of(1, 2, 3, 6) });
    const [mean] = session.readVariable('bn.running_mean');
    const [variance] = session.readVariable('bn.running_var');
    return { mean, variance, y: [...program.read('y')] };
  }

  // The batch has mean 3, biased variance 3.5 and unbiased variance 14/3.
  it('PyTorch: momentum 0.1, unbiased running variance, eps 1e-5', async () => {
    const { mean, variance, y } = await statistics('torch');
    expect(mean).toBeCloseTo(0.3, 6);
    expect(variance).toBeCloseTo(0.9 + 0.1 * (14 / 3), 6);
    expect(y[3]).toBeCloseTo(3 / Math.sqrt(3.5 + 1e-5), 6);
  });

  it('Keras: momentum 0.99 of the old, biased running variance, eps 1e-3', async () => {
    const { mean, variance, y } = await statistics('keras');
    expect(mean).toBeCloseTo(0.03, 6);
    expect(variance).toBeCloseTo(0.99 + 0.01 * 3.5, 6);
    expect(y[3]).toBeCloseTo(3 / Math.sqrt(3.5 + 1e-3), 6);
  });
});
