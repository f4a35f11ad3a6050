/**
 * Golden traces of the LIF neuron for every reset rule, worked out by hand from the equations with β = ½,
 * θ = 1 and a current of ¾, all exact in binary.
 */
import { describe, expect, it } from 'vitest';
import { lif } from './lif.ts';
import { type NeuronOptions, RESETS, type Reset } from './neuron.ts';
import { fastSigmoid } from './surrogate.ts';

function trace(parameters: [number, number], currents: number[], options: NeuronOptions) {
  let carried = 0;
  return currents.map((input) => {
    const step = lif.step(parameters, carried, input, options);
    carried = step.carried;
    return step;
  });
}

const GOLDEN: Record<Reset, Record<'late' | 'at once', { membrane: number[]; spikes: number[] }>> = {
  subtract: {
    late: { membrane: [0.75, 1.125, 0.3125, 0.90625, 1.203125, 0.3515625], spikes: [0, 1, 0, 0, 1, 0] },
    'at once': {
      membrane: [0.75, 1.125, 0.8125, 1.15625, 0.828125, 1.1640625],
      spikes: [0, 1, 0, 1, 0, 1],
    },
  },
  zero: {
    late: { membrane: [0.75, 1.125, 0, 0.75, 1.125, 0], spikes: [0, 1, 0, 0, 1, 0] },
    'at once': { membrane: [0.75, 1.125, 0.75, 1.125, 0.75, 1.125], spikes: [0, 1, 0, 1, 0, 1] },
  },
  none: {
    late: { membrane: [0.75, 1.125, 1.3125, 1.40625, 1.453125, 1.4765625], spikes: [0, 1, 1, 1, 1, 1] },
    'at once': { membrane: [0.75, 1.125, 1.3125, 1.40625, 1.453125, 1.4765625], spikes: [0, 1, 1, 1, 1, 1] },
  },
};

describe('LIF', () => {
  for (const reset of RESETS)
    for (const [when, golden] of Object.entries(GOLDEN[reset]))
      it(`follows its equation: reset ${reset}, ${when}`, () => {
        const options = { reset, resetDelay: when === 'late', surrogate: fastSigmoid() };
        const steps = trace([0.5, 1], new Array(6).fill(0.75), options);
        expect(steps.map((s) => s.membrane)).toEqual(golden.membrane);
        expect(steps.map((s) => s.spike)).toEqual(golden.spikes);
      });

  it('does not fire at the threshold itself', () => {
    const options: NeuronOptions = { reset: 'subtract', resetDelay: true, surrogate: fastSigmoid() };
    expect(lif.step([0.9, 1], 0, 1, options).spike).toBe(0);
    expect(lif.step([0.9, 1], 0, 1 + 2 ** -23, options).spike).toBe(1);
  });

  it('clips β where it is used', () => {
    const options: NeuronOptions = { reset: 'none', resetDelay: true, surrogate: fastSigmoid() };
    expect(lif.step([1.5, 9], 2, 0, options).membrane).toBe(2);
    expect(lif.step([-0.5, 9], 2, 0, options).membrane).toBe(0);
  });

  it('rounds each operation to f32', () => {
    const options: NeuronOptions = { reset: 'none', resetDelay: true, surrogate: fastSigmoid() };
    const beta = Math.fround(0.9);
    const { membrane } = lif.step([beta, 1], Math.fround(0.3), Math.fround(0.1), options);
    expect(membrane).toBe(Math.fround(Math.fround(beta * Math.fround(0.3)) + Math.fround(0.1)));
  });
});
