import { describe, expect, it } from 'vitest';
import { memorySource, noise } from '../../../test/data-fixtures.ts';
import { random } from '../../random.ts';
import type { Pixels } from '../image.ts';
import { corrupted } from './corrupted.ts';
import { SEVERITIES, type Severity } from './corruption.ts';
import { CORRUPTION_NAMES, CORRUPTIONS, type CorruptionName, findCorruption } from './table.ts';

/** Smooth, so that noise, blur and blocks all show; colours that no channel clips. */
function scene(height: number, width: number, channels: number): Pixels {
  const data = Uint8Array.from({ length: height * width * channels }, (_, i) => {
    const [c, at] = [i % channels, Math.floor(i / channels)];
    const [x, y] = [at % width, Math.floor(at / width)];
    return 128 + 60 * Math.sin(x / 3 + c) * Math.cos(y / 4 - c) + 10 * c;
  });
  return { data, height, width, channels };
}

const flat = (value: number, side = 20, channels = 3): Pixels => ({
  data: new Uint8Array(side * side * channels).fill(value),
  height: side,
  width: side,
  channels,
});

const apply = async (name: CorruptionName, image: Pixels, severity: Severity, seed = 0) =>
  CORRUPTIONS[name].apply(image, severity, random(seed, name, severity));

const distance = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;

describe.each(CORRUPTION_NAMES)('%s', (name) => {
  it('gets worse with severity, repeats by seed, and leaves the image alone', async () => {
    const image = scene(45, 38, 3);
    const before = Uint8Array.from(image.data);
    const seeds = [...Array(12).keys()];
    const distances: number[] = [];
    for (const severity of SEVERITIES) {
      const results = await Promise.all(seeds.map((seed) => apply(name, image, severity, seed)));
      expect(results.every(({ length }) => length === before.length)).toBe(true);
      distances.push(results.reduce((sum, result) => sum + distance(result, before), 0) / seeds.length);
      expect(await apply(name, image, severity, 3)).toEqual(results[3]);
    }
    expect(image.data).toEqual(before);
    expect(distances[0]).toBeGreaterThan(0);
    expect(distances[4]).toBeGreaterThan(1.15 * distances[0]);
    expect(CORRUPTIONS[name].levels).toHaveLength(5);
  });

  it('takes grey images and any side', async () => {
    for (const [height, width] of [
      [28, 28],
      [9, 14],
    ]) {
      const image = scene(height, width, 1);
      for (const severity of SEVERITIES) {
        const result = await apply(name, image, severity);
        expect(result).toHaveLength(height * width);
        if (CORRUPTIONS[name].colourOnly) expect(result).toEqual(image.data);
      }
    }
  });
});

describe('what is done is what is said', () => {
  it('noise has its deviation, salt and pepper its share', async () => {
    const grey = flat(128, 100);
    const noisy = await apply('gaussian-noise', grey, 3);
    const variance = noisy.reduce((sum, value) => sum + (value - 128) ** 2, 0) / noisy.length;
    expect(Math.sqrt(variance) / 255).toBeCloseTo(0.05, 2);
    const peppered = await apply('salt-and-pepper', grey, 4);
    const count = (value: number) => peppered.filter((byte) => byte === value).length / peppered.length;
    expect(count(0)).toBeCloseTo(0.05, 2);
    expect(count(255)).toBeCloseTo(0.05, 2);
    expect(count(128) + count(0) + count(255)).toBe(1);
  });

  it('blur leaves a flat image flat and spreads a point as far as its kernel', async () => {
    for (const name of ['gaussian-blur', 'defocus-blur', 'motion-blur'] as const)
      expect(await apply(name, flat(77), 5)).toEqual(flat(77).data);
    const point = flat(0, 112, 1);
    point.data[56 * 112 + 56] = 255;
    // Radius 6 of 224 is 3 of 112: the pixels of a disk of that radius share the light.
    const disk = await apply('defocus-blur', point, 5);
    expect(disk[56 * 112 + 56]).toBe(Math.round(255 / (Math.PI * 9)));
    expect(disk[56 * 112 + 60]).toBe(0);
    expect(disk.filter((value) => value > 0).length).toBeGreaterThan(25);
    const gauss = await apply('gaussian-blur', point, 3);
    expect(gauss[56 * 112 + 56]).toBe(Math.round(255 * 0.3989423 ** 2));
    expect(gauss[57 * 112 + 56]).toBe(Math.round(255 * 0.3989423 ** 2 * Math.exp(-0.5)));
  });

  it('brightness, contrast and saturation by hand', async () => {
    const two: Pixels = { data: Uint8Array.of(200, 100, 50, 0, 100, 50), height: 1, width: 2, channels: 3 };
    expect([...(await apply('brightness-up', two, 2))]).toEqual([240, 120, 60, 0, 120, 60]);
    expect([...(await apply('brightness-down', two, 5))]).toEqual([100, 50, 25, 0, 50, 25]);
    // Luma 124 and 64: the mean is 94.
    expect([...(await apply('contrast-down', two, 5))]).toEqual([147, 97, 72, 47, 97, 72]);
    // S of the first is 0.75, then 0.95: 200·(1 − 0.95·d) with d = 0, 2/3, 1.
    expect([...(await apply('saturate', two, 5))].slice(0, 3)).toEqual([200, 73, 10]);
    const change = await apply('illumination', flat(100), 2);
    expect([80, 120]).toContain(change[0]);
    expect(new Set(change).size).toBe(1);
  });

  it('turns, hides and coarsens', async () => {
    const image = scene(16, 16, 3);
    const turned = await apply('rotation', image, 5);
    expect([...turned].sort()).toEqual([...image.data].sort());
    const hidden = await apply('occlusion', flat(9, 20, 1), 5);
    expect(hidden.filter((value) => value === 0)).toHaveLength(36);
    const coarse = await apply('pixelate', image, 2);
    const block = [0, 3, 48, 51].map((at) => image.data[at]);
    expect(coarse[0]).toBe(Math.round(block.reduce((a, b) => a + b) / 4));
    expect([coarse[3], coarse[48], coarse[51]]).toEqual([coarse[0], coarse[0], coarse[0]]);
  });

  it('darkens by stain and whitens by bubbles, never the other way', async () => {
    const grey = flat(150, 64);
    const [stain, bubbles] = [await apply('stain-deposit', grey, 3), await apply('bubble', grey, 3)];
    expect(stain.every((value) => value <= 150)).toBe(true);
    expect(stain.some((value) => value < 60)).toBe(true);
    expect(bubbles.every((value) => value >= 150)).toBe(true);
    expect(Math.max(...bubbles)).toBeLessThanOrEqual(150 + Math.ceil((130 / 255) * 105));
  });
});

describe('a split seen through a corruption', () => {
  const images = [...Array(4).keys()].map((i) => noise(8 * 8 * 3, i));
  const shape = { height: 8, width: 8, channels: 3 };
  const source = memorySource(images, [0, 1, 0, 1]);
  const read = async (seed: number, index: number) => {
    const target = new Uint8Array(8 * 8 * 3);
    await corrupted(source, shape, 'gaussian-noise', 3, seed).read(index, target);
    return target;
  };

  it('is the same whatever was read before, and another for another seed or image', async () => {
    const first = await read(1, 2);
    await read(1, 0);
    expect(await read(1, 2)).toEqual(first);
    expect(await read(2, 2)).not.toEqual(first);
    const noiseOf = async (index: number) =>
      (await read(1, index)).map((value, i) => value - images[index][i]);
    expect(await noiseOf(1)).not.toEqual(await noiseOf(2));
  });

  it('names the nearest corruption', () => {
    expect(() => findCorruption('gausian-noise')).toThrow(/did you mean gaussian-noise\?/);
  });
});
