/**
 * What the neurons of a layer do over a set of images: how many fire, when, and which of them never or always do.
 *
 * Counts are summed in doubles, so they are exact up to 2⁵³ spikes. A rate is a share of neurons that fire in a step: spikes
 * per neuron and step. Spikes per neuron and sample are T times as many; paper (a) mixes the two up, so both have a name.
 */
import { mismatch } from '../errors.ts';
import { size } from '../graph/value.ts';

/** Spikes of a layer while one image is shown. */
export interface PerImage {
  readonly mean: number;
  readonly p5: number;
  readonly median: number;
  readonly p95: number;
}

export interface LayerSpikes {
  readonly layer: string;
  /** Of the layer without batch and time, e.g. [64, 32, 32]. */
  readonly shape: readonly number[];
  readonly neurons: number;
  /** T. */
  readonly steps: number;
  readonly images: number;
  /** Spikes per neuron in each step, 0 … 1. */
  readonly rates: readonly number[];
  /** Spikes per neuron and step, 0 … 1. */
  readonly perStep: number;
  /** Spikes per neuron and sample, 0 … T. */
  readonly perSample: number;
  /** Spikes of the whole layer while one image is shown. */
  readonly perImage: PerImage;
  /** Neurons that fire in no step of any image. */
  readonly dead: number;
  /** Neurons that fire in every step of every image. */
  readonly saturated: number;
  /** Of a layer of maps, those without a neuron that ever fires. */
  readonly deadMaps?: number;
}

/** Adds up what batch after batch of images make a layer do. */
export class SpikeTally {
  readonly layer: string;
  readonly shape: readonly number[];
  readonly steps: number;
  private readonly inSteps: Float64Array;
  private readonly ofNeurons: Float64Array;
  private readonly ofImages: number[] = [];

  constructor(layer: string, shape: readonly number[], steps: number) {
    this.layer = layer;
    this.shape = shape;
    this.steps = steps;
    this.inSteps = new Float64Array(steps);
    this.ofNeurons = new Float64Array(size(shape));
  }

  /**
   * @param perStep spikes of the layer, [T][N]
   * @param perNeuron spikes of each neuron over all images and steps, in the order of the shape
   */
  add(perStep: ArrayLike<number>, perNeuron: ArrayLike<number>): void {
    const images = perStep.length / this.steps;
    if (!Number.isInteger(images) || perNeuron.length !== this.ofNeurons.length)
      throw mismatch(
        `spikes of ${this.layer}`,
        `counts of ${this.steps} steps and of ${this.ofNeurons.length} neurons`,
        `${perStep.length} and ${perNeuron.length}`,
      );
    for (let n = 0; n < images; n++) {
      let sum = 0;
      for (let t = 0; t < this.steps; t++) {
        const count = perStep[t * images + n];
        this.inSteps[t] += count;
        sum += count;
      }
      this.ofImages.push(sum);
    }
    for (let i = 0; i < perNeuron.length; i++) this.ofNeurons[i] += perNeuron[i];
  }

  /** Throws where no image was added. */
  result(): LayerSpikes {
    const { layer, shape, steps } = this;
    const images = this.ofImages.length;
    if (images === 0) throw mismatch(`spikes of ${layer}`, 'one or more images', 'none');
    const neurons = this.ofNeurons.length;
    const rates = Array.from(this.inSteps, (count) => count / (neurons * images));
    const perStep = rates.reduce((sum, rate) => sum + rate, 0) / steps;
    const always = steps * images;
    return {
      ...{ layer, shape, neurons, steps, images, rates, perStep },
      perSample: perStep * steps,
      perImage: summary(this.ofImages),
      dead: this.ofNeurons.reduce((n, count) => n + Number(count === 0), 0),
      saturated: this.ofNeurons.reduce((n, count) => n + Number(count === always), 0),
      ...(shape.length > 1 ? { deadMaps: this.deadMaps() } : {}),
    };
  }

  private deadMaps(): number {
    const [maps] = this.shape;
    const area = this.ofNeurons.length / maps;
    let dead = 0;
    for (let c = 0; c < maps; c++)
      if (this.ofNeurons.subarray(c * area, (c + 1) * area).every((count) => count === 0)) dead++;
    return dead;
  }
}

/** Quantiles are counts that were seen, none between two. */
function summary(counts: readonly number[]): PerImage {
  const sorted = Float64Array.from(counts).sort();
  const quantile = (q: number) => sorted[Math.round(q * (sorted.length - 1))];
  return {
    mean: counts.reduce((sum, count) => sum + count, 0) / counts.length,
    p5: quantile(0.05),
    median: quantile(0.5),
    p95: quantile(0.95),
  };
}

/** What neurons that fire in an attention block take away, and what it does to the layer behind: paper (b), figure 6. */
export interface Suppression {
  readonly block: string;
  /** Share of the current that is suppressed in each step, 0 … 1: the rate of the mask's neurons. */
  readonly suppressed: readonly number[];
  readonly mean: number;
  /** The first layer of neurons behind the block; null where there is none. */
  readonly behind: string | null;
  /** Which one it is, from 1, of those outside attention blocks: 5, 9 and 13 in BIASNN. */
  readonly position: number | null;
  /** Its rates. */
  readonly rates: readonly number[];
}

/**
 * @param layers of a network, in its order
 * @param masks those of them whose spikes suppress, each with the name of its block
 */
export function suppressions(
  layers: readonly Pick<LayerSpikes, 'layer' | 'rates' | 'perStep'>[],
  masks: ReadonlyMap<string, string>,
): Suppression[] {
  const backbone = layers.filter(({ layer }) => !masks.has(layer));
  return layers.flatMap(({ layer, rates, perStep }, i) => {
    const block = masks.get(layer);
    if (block === undefined) return [];
    const behind = layers.slice(i + 1).find((each) => !masks.has(each.layer));
    return {
      ...{ block, suppressed: rates, mean: perStep },
      behind: behind?.layer ?? null,
      position: behind ? backbone.indexOf(behind) + 1 : null,
      rates: behind?.rates ?? [],
    };
  });
}

/** Spikes of the neurons of the classes while one image is shown. */
export interface OutputRaster {
  /** Steps, from 1, in which each class fires. */
  readonly fires: readonly (readonly number[])[];
  /** Spikes of each class up to and with each step. */
  readonly counts: readonly (readonly number[])[];
  /** The class with the most spikes in the end; of several, the lowest. */
  readonly winner: number;
  /** The step, from 1, from which on the winner is ahead of all others; null where it is never alone. */
  readonly decided: number | null;
}

/** @param spikes [T][K] */
export function outputRaster(spikes: ArrayLike<number>, classes: number): OutputRaster {
  const steps = spikes.length / classes;
  const fires = Array.from({ length: classes }, (): number[] => []);
  const counts = Array.from({ length: classes }, (): number[] => []);
  for (let t = 0; t < steps; t++)
    for (let k = 0; k < classes; k++) {
      if (spikes[t * classes + k]) fires[k].push(t + 1);
      counts[k].push(fires[k].length);
    }
  const final = fires.map(({ length }) => length);
  const winner = final.indexOf(Math.max(...final));
  let decided: number | null = null;
  for (let t = steps - 1; t >= 0; t--) {
    if (counts.some((count, k) => k !== winner && count[t] >= counts[winner][t])) break;
    decided = t + 1;
  }
  return { fires, counts, winner, decided };
}
