/** Models of energy on layers made by hand; published figures stand in train/energy.test.ts. */
import { describe, expect, it } from 'vitest';
import type { Neurons, Normalisation, Synapses, Work } from '../compile/workload.ts';
import { f32 } from '../graph/value.ts';
import { Net } from '../nn/net.ts';
import { lif } from '../nn/spiking/lif.ts';
import { accessEnergy, energyRows, energyTotals, epochEnergy } from './energy.ts';

const net = new Net({ framework: 'torch', training: false, seed: 0 });
const image = net.graph.input('images', f32([1, 1, 2, 2]));
const { spikes } = lif(net, 'lif', image, { steps: 3, beta: 0.5 });

const layer: Synapses = {
  ...{ kind: 'synapses', layer: 'conv', op: 'conv2d', when: 'steps', steps: 4, macs: 100, spikes: null },
  ...{ inputs: 20, outputs: 10, weights: 50, biases: 5 },
};

function rows(work: Work, rate = 0.25, options: { onChip?: number; everyStep?: boolean } = {}) {
  const [row] = energyRows(
    [work],
    { rateInto: () => rate, spikesOf: ({ neurons, steps }) => rate * neurons * steps },
    { steps: 4, ...options },
  );
  return row;
}

/** Picojoules of an access where all memories are small. */
const SMALL = 5;

describe('accessEnergy()', () => {
  it('is half of that of 64 bits, linear in the size, and DRAM where a memory is too large for the chip', () => {
    const at = (kib: number) => accessEnergy(1024 * kib);
    expect([at(1), at(8), at(32), at(1024)]).toEqual([5, 5, 10, 50]);
    expect(at(20)).toBeCloseTo(7.5, 12);
    expect(at(2048)).toBeCloseTo(50 + (40 * 1024) / 992, 9);
    expect(at(1e6)).toBe(650);
    expect(accessEnergy(4096, 4096)).toBe(5);
    expect(accessEnergy(4097, 4096)).toBe(650);
  });
});

describe('energyRows()', () => {
  it('of real numbers: MACs at every step, each with its weight and its input', () => {
    const { multiplications, additions, operations, traffic } = rows(layer);
    expect([multiplications, additions]).toEqual([400, 400]);
    expect(operations).toBeCloseTo(400 * 4.6, 9);
    expect(traffic).toEqual({
      weights: (400 + 40) * SMALL,
      activations: (400 + 40) * SMALL,
      membranes: 0,
    });
    // A dense layer holds each input for all of its outputs.
    expect(rows({ ...layer, op: 'dense' }).traffic.activations).toBe((80 + 40) * SMALL);
  });

  it('of spikes: an addition for each, with its weight, and the sum read and written', () => {
    const { multiplications, additions, rate, traffic } = rows({ ...layer, spikes, biases: 0 });
    expect([multiplications, additions, rate]).toEqual([0, 100, 0.25]);
    expect(traffic).toEqual({
      weights: 100 * SMALL,
      activations: 0.25 * 20 * 4 * SMALL,
      membranes: 200 * SMALL,
    });
  });

  it('of what comes before time: once, or at every step as paper (b) counts; what comes after it only once', () => {
    const once = { ...layer, when: 'before', steps: 1 } as const;
    expect(rows(once).multiplications).toBe(100);
    expect(rows(once, 0, { everyStep: true }).multiplications).toBe(400);
    expect(rows({ ...once, when: 'after' }, 0, { everyStep: true }).multiplications).toBe(100);
  });

  it('of neurons: updates whether they fire or not, more for adaptation and for masks', () => {
    const neurons: Neurons = {
      ...{ kind: 'neurons', layer: 'lif', model: 'lif', mask: false, neurons: 10, steps: 4, spikes },
    };
    const updates = (of: Partial<Neurons>) => {
      const { multiplications, additions } = rows({ ...neurons, ...of });
      return [multiplications / 40, additions / 40];
    };
    expect(updates({})).toEqual([2, 3]);
    expect(updates({ mask: true })).toEqual([2, 4]);
    expect(updates({ model: 'alif', mask: true })).toEqual([4, 6]);
    const { traffic } = rows(neurons);
    expect(traffic).toEqual({ weights: 0, activations: (40 + 10) * SMALL, membranes: 80 * SMALL });
    expect(rows({ ...neurons, model: 'alif' }).traffic.membranes).toBe(160 * SMALL);
  });

  it('of a BatchNorm that stands alone: a multiplication and an addition for each number', () => {
    const norm: Normalisation = { kind: 'normalisation', layer: 'bn', when: 'steps', steps: 4, elements: 10 };
    expect(rows(norm)).toMatchObject({ multiplications: 40, additions: 40, rate: null });
  });

  it('sends to DRAM what does not fit on the chip', () => {
    const large = { ...layer, weights: 2000, biases: 0 };
    expect(rows(large, 0, { onChip: 4096 }).traffic).toMatchObject({
      weights: 400 * 650,
      activations: 440 * 5,
    });
  });

  it('adds up', () => {
    const all = [rows(layer), rows({ ...layer, spikes })];
    const { operations, traffic, memory, all: sum, additions } = energyTotals(all);
    expect(additions).toBe(500);
    expect(operations).toBeCloseTo(400 * 4.6 + 100 * 0.9, 9);
    expect(memory).toBeCloseTo(traffic.weights + traffic.activations + traffic.membranes, 9);
    expect(sum).toBeCloseTo(operations + memory, 9);
  });
});

describe('epochEnergy()', () => {
  it('is 1 nJ for each spike of each layer on each image', () => {
    const places = new Map([
      ['a', 100],
      ['b', 10],
    ]);
    const energy = epochEnergy(
      [
        { a: 0.5, b: 0.2 },
        { a: 0.3, b: 0.2 },
      ],
      places,
      1000,
    );
    expect(energy).toMatchObject({
      epochs: 2,
      least: expect.closeTo(32e-6, 12),
      most: expect.closeTo(52e-6, 12),
    });
    expect([energy?.mean, energy?.total]).toEqual([expect.closeTo(42e-6, 12), expect.closeTo(84e-6, 12)]);
  });
});
