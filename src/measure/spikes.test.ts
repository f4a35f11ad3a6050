/** Statistics of spikes against trains made by hand. */
import { describe, expect, it } from 'vitest';
import { type LayerSpikes, outputRaster, SpikeTally, suppressions } from './spikes.ts';

/** Trains of each image: [image][neuron] as text, a character a step. */
function tallied(shape: readonly number[], steps: number, ...batches: string[][][]): LayerSpikes {
  const tally = new SpikeTally('layer', shape, steps);
  for (const images of batches) {
    const neurons = images[0].length;
    const fired = (n: number, i: number, t: number) => Number(images[n][i][t] === '|');
    const perStep = Array.from({ length: steps * images.length }, (_, at) => {
      const [t, n] = [Math.floor(at / images.length), at % images.length];
      return Array.from({ length: neurons }, (_, i) => fired(n, i, t)).reduce((a, b) => a + b, 0);
    });
    const perNeuron = Array.from({ length: neurons }, (_, i) =>
      images.reduce((sum, trains) => sum + trains[i].replaceAll('.', '').length, 0),
    );
    tally.add(perStep, perNeuron);
  }
  return tally.result();
}

describe('SpikeTally', () => {
  it('counts rates in each step, spikes per neuron and sample, dead and saturated neurons', () => {
    const first = [
      ['....', '||||', '.|..'],
      ['....', '||||', '...|'],
    ];
    const second = [['....', '||||', '....']];
    const { rates, perStep, perSample, dead, saturated, perImage, images, deadMaps } = tallied(
      [3],
      4,
      first,
      second,
    );
    expect(images).toBe(3);
    expect(rates).toEqual([3 / 9, 4 / 9, 3 / 9, 4 / 9]);
    expect(perStep).toBeCloseTo(14 / 36, 15);
    expect(perSample).toBeCloseTo(14 / 9, 15);
    expect([dead, saturated, deadMaps]).toEqual([1, 1, undefined]);
    expect(perImage).toEqual({ mean: 14 / 3, p5: 4, median: 5, p95: 5 });
  });

  it('a neuron that is silent in one step of one image is not saturated, one that fires once not dead', () => {
    const { dead, saturated } = tallied([2], 2, [['||', '..']], [['|.', '.|']]);
    expect([dead, saturated]).toEqual([0, 0]);
  });

  it('finds maps of which no neuron fires', () => {
    const { deadMaps, dead } = tallied([2, 1, 2], 1, [['.', '.', '|', '.']]);
    expect([deadMaps, dead]).toEqual([1, 3]);
  });

  it('is exact where single precision would not be', () => {
    const tally = new SpikeTally('layer', [1], 1);
    tally.add([2 ** 24], [2 ** 24]);
    tally.add([1], [1]);
    expect(tally.result().perImage.mean).toBe((2 ** 24 + 1) / 2);
  });

  it('refuses counts of another layer, and none', () => {
    const tally = new SpikeTally('lif1', [2], 3);
    expect(() => tally.add([1, 2, 3], [1])).toThrow(
      'spikes of lif1: expected counts of 3 steps and of 2 neurons, got 3 and 1',
    );
    expect(() => tally.add([1, 2], [1, 1])).toThrow('got 2 and 2');
    expect(() => tally.result()).toThrow('one or more images');
  });
});

describe('suppressions()', () => {
  const layer = (name: string, ...rates: number[]) => ({
    layer: name,
    rates,
    perStep: rates.reduce((a, b) => a + b, 0) / rates.length,
  });

  it('finds the layer behind each block and where it stands among the others', () => {
    const layers = [
      layer('block1.lif', 0.1, 0.1),
      layer('attention1.alif', 0.2, 0.6),
      layer('block2.lif1', 0.3, 0.4),
      layer('block2.lif2', 0, 0),
      layer('attention2.alif', 1, 0),
    ];
    const masks = new Map([
      ['attention1.alif', 'attention1'],
      ['attention2.alif', 'attention2'],
    ]);
    const mean = expect.closeTo(0.4, 12);
    expect(suppressions(layers, masks)).toEqual([
      {
        ...{ block: 'attention1', suppressed: [0.2, 0.6], mean },
        ...{ behind: 'block2.lif1', position: 2, rates: [0.3, 0.4] },
      },
      { block: 'attention2', suppressed: [1, 0], mean: 0.5, behind: null, position: null, rates: [] },
    ]);
  });
});

describe('outputRaster()', () => {
  const raster = (...trains: string[]) => {
    const steps = trains[0].length;
    const spikes = Array.from({ length: steps * trains.length }, (_, at) =>
      Number(trains[at % trains.length][Math.floor(at / trains.length)] === '|'),
    );
    return outputRaster(spikes, trains.length);
  };

  it('says which class wins, and from when on it is ahead', () => {
    const { fires, counts, winner, decided } = raster('|...', '.|||', '..|.');
    expect(fires).toEqual([[1], [2, 3, 4], [3]]);
    expect(counts).toEqual([
      [1, 1, 1, 1],
      [0, 1, 2, 3],
      [0, 0, 1, 1],
    ]);
    expect([winner, decided]).toEqual([1, 3]);
  });

  it('takes the lowest of those that are level, which is never decided', () => {
    expect(raster('.|', '|.')).toMatchObject({ winner: 0, decided: null });
    expect(raster('..', '..')).toMatchObject({ winner: 0, decided: null });
  });

  it('decides anew where a class is caught up with', () => {
    expect(raster('||..|', '..||.')).toMatchObject({ winner: 0, decided: 5 });
  });
});
