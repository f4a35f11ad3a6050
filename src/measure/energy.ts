/**
 * Energy of one image by three models that answer different questions. None of them is a measurement.
 *
 * 1. Spikes: 1 nJ for each spike of each layer, whatever it does. Paper (a).
 * 2. Operations, 45 nm: 3.7 pJ for a multiplication and 0.9 pJ for an addition of 32-bit floats (Horowitz, ISSCC 2014), so
 *    4.6 pJ for a multiply–accumulate. Paper (b).
 * 3. The same with memory traffic: accesses as Lemaire et al. 2022 (An Analytical Estimation of Spiking Neural Networks
 *    Energy Efficiency, equations 3–15) count them, energies of an access as Horowitz gives them for 64 bits.
 */
import type { Neurons, Synapses, Work } from '../compile/workload.ts';

/** Picojoules. */
export const ADD = 0.9;
export const MULTIPLY = 3.7;
export const SPIKE = 1000;

/** Picojoules of an access of 64 bits to an on-chip memory of so many bytes; linear between and beyond. */
const SRAM: readonly (readonly [bytes: number, picojoules: number])[] = [
  [8 * 1024, 10],
  [32 * 1024, 20],
  [1024 * 1024, 100],
];
/** Picojoules of an access of 64 bits to DRAM: the lower end of 1.3 to 2.6 nJ. */
const DRAM = 1300;
const WORD = 4;

export const FORMULAE: readonly (readonly [model: string, formula: string])[] = [
  ['spikes', 'E = 1 nJ · spikes of all layers in all steps (paper a)'],
  ['operations', 'E = 3.7 pJ · multiplications + 0.9 pJ · additions (45 nm; paper b)'],
  ['layer that reads real numbers', 'MAC multiplications and MAC additions, each time that it is computed'],
  ['layer that reads spikes', 'r · MAC · T additions; r = spikes per neuron and step of what it reads'],
  [
    'neurons, each in each step',
    'LIF 2 multiplications + 3 additions, ALIF 4 + 5; in an attention block 1 addition more, for 1 − S',
  ],
  [
    'memory',
    'e(size) for each access of a 32-bit word: half of 10, 20, 100 pJ at 8 KiB, 32 KiB, 1 MiB; DRAM 1300 pJ',
  ],
  [
    'accesses, real numbers',
    'inputs: MAC (dense: inputs), weights: MAC, biases: outputs, results: outputs (Lemaire et al. 2022)',
  ],
  [
    'accesses, spikes',
    'weights: r · MAC · T, sums of the outputs: 2 · r · MAC · T, inputs: r · inputs · T, biases: outputs · T',
  ],
  [
    'accesses, neurons',
    'current, membrane read and written: 3 · neurons · T; ALIF 2 more for its threshold; one for each spike',
  ],
  ['dense twin', 'the same layers with ReLU for neurons, computed once: 4.6 pJ · MAC'],
];

/** What the neurons did over a set of images. */
export interface Activity {
  /** Spikes per neuron and step of what a layer reads, 0 … 1. */
  rateInto(layer: Synapses): number;
  /** Spikes of a layer while one image is shown. */
  spikesOf(layer: Neurons): number;
}

export interface EnergyOptions {
  /** T. */
  readonly steps: number;
  /** What comes before time counts T times, as paper (b) has it, instead of once. */
  readonly everyStep?: boolean;
  /** Bytes of the largest memory on the chip; what is larger lies in DRAM. Left out: everything is on the chip. */
  readonly onChip?: number;
}

export interface Operations {
  readonly multiplications: number;
  readonly additions: number;
}

/** Picojoules of memory accesses, by what is accessed. */
export interface Traffic {
  readonly weights: number;
  /** Inputs and results of layers; spikes. */
  readonly activations: number;
  /** Sums, membranes and thresholds that live from step to step. */
  readonly membranes: number;
}

/** What a piece of work costs for one image. */
export interface EnergyRow extends Operations {
  readonly work: Work;
  /** Of what drives it; null where it reads real numbers or is no layer of weights. */
  readonly rate: number | null;
  /** Picojoules. */
  readonly operations: number;
  readonly traffic: Traffic;
}

/** Picojoules of all spikes of one image. */
export function spikeEnergy(spikes: number): number {
  return SPIKE * spikes;
}

export function operationEnergy({ multiplications, additions }: Operations): number {
  return MULTIPLY * multiplications + ADD * additions;
}

/** Picojoules of an access of 32 bits to a memory of so many bytes. */
export function accessEnergy(bytes: number, onChip = Number.POSITIVE_INFINITY): number {
  const share = (8 * WORD) / 64;
  if (bytes > onChip) return share * DRAM;
  const upper = SRAM.findIndex(([size]) => bytes <= size);
  if (upper === 0) return share * SRAM[0][1];
  const at = upper < 0 ? SRAM.length - 1 : upper;
  const [[low, from], [high, to]] = [SRAM[at - 1], SRAM[at]];
  return share * Math.min(DRAM, from + ((bytes - low) / (high - low)) * (to - from));
}

export function energyRows(work: readonly Work[], activity: Activity, options: EnergyOptions): EnergyRow[] {
  return work.map((each) => {
    const rate = each.kind === 'synapses' && each.spikes ? activity.rateInto(each) : null;
    const times = timesOf(each, options);
    const { operations, traffic } = costOf(each, rate, times, activity, options);
    return { work: each, rate, ...operations, operations: operationEnergy(operations), traffic };
  });
}

/** How often a piece of work is done for one image. */
function timesOf(work: Work, { steps, everyStep }: EnergyOptions): number {
  return work.kind !== 'neurons' && work.when === 'before' && everyStep ? steps : work.steps;
}

interface Cost {
  readonly operations: Operations;
  readonly traffic: Traffic;
}

function costOf(
  work: Work,
  rate: number | null,
  times: number,
  activity: Activity,
  { onChip }: EnergyOptions,
): Cost {
  const access = (words: number) => accessEnergy(WORD * words, onChip);
  switch (work.kind) {
    case 'synapses':
      return rate === null ? realSynapses(work, times, access) : spikingSynapses(work, rate, times, access);
    case 'neurons':
      return neurons(work, activity.spikesOf(work), access);
    case 'normalisation': {
      const n = work.elements * times;
      return {
        operations: { multiplications: n, additions: n },
        traffic: { weights: 0, activations: 2 * n * access(work.elements), membranes: 0 },
      };
    }
  }
}

/** Picojoules of an access to a memory of so many words. */
type Access = (words: number) => number;

function realSynapses(work: Synapses, times: number, access: Access): Cost {
  const macs = work.macs * times;
  // A dense layer reads each input once and holds it for all outputs; equation 4.
  const reads = work.op === 'dense' ? work.inputs * times : macs;
  const biases = work.biases > 0 ? work.outputs * times * access(work.biases) : 0;
  return {
    operations: { multiplications: macs, additions: macs },
    traffic: {
      weights: macs * access(work.weights) + biases,
      activations: reads * access(work.inputs) + work.outputs * times * access(work.outputs),
      membranes: 0,
    },
  };
}

function spikingSynapses(work: Synapses, rate: number, times: number, access: Access): Cost {
  const additions = rate * work.macs * times;
  const biases = work.biases > 0 ? work.outputs * times * access(work.biases) : 0;
  return {
    operations: { multiplications: 0, additions },
    traffic: {
      weights: additions * access(work.weights) + biases,
      // Spikes are bits.
      activations: rate * work.inputs * times * access(work.inputs / 32),
      membranes: 2 * additions * access(work.outputs),
    },
  };
}

function neurons({ model, mask, neurons: count, steps }: Neurons, spikes: number, access: Access): Cost {
  const [multiplications, additions, states] = model === 'alif' ? [4, 5, 2] : [2, 3, 1];
  const updates = count * steps;
  return {
    operations: {
      multiplications: multiplications * updates,
      additions: (additions + Number(mask)) * updates,
    },
    traffic: {
      weights: 0,
      activations: updates * access(count) + spikes * access(count / 32),
      membranes: 2 * states * updates * access(count),
    },
  };
}

export interface EnergyTotals extends Operations {
  /** Picojoules. */
  readonly operations: number;
  readonly traffic: Traffic;
  readonly memory: number;
  /** Operations and memory. */
  readonly all: number;
}

export function energyTotals(rows: readonly EnergyRow[]): EnergyTotals {
  const sum = (of: (row: EnergyRow) => number) => rows.reduce((total, row) => total + of(row), 0);
  const operations = sum((row) => row.operations);
  const traffic = {
    weights: sum((row) => row.traffic.weights),
    activations: sum((row) => row.traffic.activations),
    membranes: sum((row) => row.traffic.membranes),
  };
  const memory = traffic.weights + traffic.activations + traffic.membranes;
  return {
    multiplications: sum((row) => row.multiplications),
    additions: sum((row) => row.additions),
    ...{ operations, traffic, memory, all: operations + memory },
  };
}

export interface EpochEnergy {
  readonly epochs: number;
  /** Joules of each epoch, from the first. */
  readonly each: readonly number[];
  /** Joules of an epoch. */
  readonly mean: number;
  readonly least: number;
  readonly most: number;
  /** Joules of all epochs. */
  readonly total: number;
}

/**
 * Energy of training by the spikes of its forward passes, as paper (a) reports it: each epoch's rates on the training images,
 * 1 nJ a spike.
 * @param rates of each layer, epoch by epoch, spikes per neuron and step
 * @param places neurons × steps of each layer
 * @returns null where no epoch has rates
 */
export function epochEnergy(
  rates: readonly Readonly<Record<string, number>>[],
  places: ReadonlyMap<string, number>,
  images: number,
): EpochEnergy | null {
  const joules = rates.map((epoch) => {
    const spikes = Object.entries(epoch).reduce(
      (sum, [layer, rate]) => sum + rate * (places.get(layer) ?? 0),
      0,
    );
    return 1e-12 * spikeEnergy(spikes * images);
  });
  if (joules.length === 0) return null;
  const total = joules.reduce((sum, each) => sum + each, 0);
  return {
    ...{ epochs: joules.length, each: joules, mean: total / joules.length, total },
    ...{ least: Math.min(...joules), most: Math.max(...joules) },
  };
}
