import { describe, expect, it } from 'vitest';
import { memorySource, noise } from '../../test/data-fixtures.ts';
import { oversampleSchema } from '../models/settings.ts';
import { missingImages } from './balance.ts';
import type { ImageSource } from './dataset.ts';
import { oversampled } from './oversample.ts';

const SHAPE = { height: 4, width: 5, channels: 3 };
const BYTES = 60;
/** 12 images of class 0, 7 of class 1, 6 of class 2, mixed. */
const LABELS = Int32Array.from({ length: 25 }, (_, i) =>
  i % 2 === 0 && i < 24 ? 0 : i % 4 === 1 || i === 24 ? 1 : 2,
);
const PIXELS = noise(LABELS.length * BYTES);
const original = (i: number) => [...PIXELS.subarray(i * BYTES, (i + 1) * BYTES)];
const ORIGINALS = Array.from(LABELS, (_, i) => original(i));
const source = (): ImageSource =>
  memorySource(
    ORIGINALS.map((image) => Uint8Array.from(image)),
    [...LABELS],
  );

async function images(of: ImageSource, from = 0): Promise<number[][]> {
  const all: number[][] = [];
  for (let i = from; i < of.length; i++) {
    const target = new Uint8Array(BYTES);
    await of.read(i, target);
    all.push([...target]);
  }
  return all;
}

const counts = (labels: Int32Array) => [0, 1, 2].map((c) => labels.filter((label) => label === c).length);
const augment = (options = {}) => oversampleSchema.parse({ kind: 'augment', ...options });
const UNCHANGED = { flipHorizontal: false, flipVertical: false, rotation: 0, shift: 0, zoom: 0 };

describe('oversampling by augmentation', () => {
  it('brings every class to the largest, or to a target, and takes nothing away', async () => {
    expect(counts(LABELS)).toEqual([12, 7, 6]);
    const more = oversampled(source(), SHAPE, augment({ rotation: 10 }), 1);
    expect(counts(more.labels)).toEqual([12, 12, 12]);
    expect(counts(oversampled(source(), SHAPE, augment({ target: 9 }), 1).labels)).toEqual([12, 9, 9]);
    expect((await images(more)).slice(0, LABELS.length)).toEqual(ORIGINALS);
    const names = Array.from({ length: more.length }, (_, i) => more.name(i));
    expect(new Set(names).size).toBe(names.length);
  });

  it('changes its copies as paper (c) does unless it is told otherwise', async () => {
    const made = await images(oversampled(source(), SHAPE, augment(), 1), LABELS.length);
    const known = new Set(ORIGINALS.map(String));
    expect(made.every((image) => !known.has(String(image)))).toBe(true);
    const copies = await images(oversampled(source(), SHAPE, augment(UNCHANGED), 1), LABELS.length);
    expect(copies.every((image) => known.has(String(image)))).toBe(true);
  });

  it('uses each image of a class before it uses one twice', () => {
    const more = oversampled(source(), SHAPE, augment({ target: 13 }), 1);
    const made = Array.from({ length: more.length - LABELS.length }, (_, i) => more.name(LABELS.length + i));
    const ofClass2 = made.slice(1 + 6).map((name) => name.split('#')[0]);
    expect(ofClass2).toHaveLength(7);
    expect(new Set(ofClass2).size).toBe(6);
  });

  it('makes all from the first image of a class where it shall', async () => {
    const more = oversampled(source(), SHAPE, augment({ singleSource: true, ...UNCHANGED }), 1);
    const made = await images(more, LABELS.length);
    const firsts = [1, 2].map((c) => original(LABELS.indexOf(c)));
    // Without any change the copies are the image itself.
    expect(made.slice(0, 5)).toEqual(Array(5).fill(firsts[0]));
    expect(made.slice(5)).toEqual(Array(6).fill(firsts[1]));
  });

  it('depends on the seed and on nothing else', async () => {
    const made = (seed: number) =>
      images(oversampled(source(), SHAPE, augment({ rotation: 30 }), seed), LABELS.length);
    const [a, b, c] = [await made(1), await made(1), await made(2)];
    expect(b).toEqual(a);
    expect(c).not.toEqual(a);
  });

  it('refuses a class without images', () => {
    expect(() => missingImages(Int32Array.of(0, 2), null)).toThrow(
      'expected images of every class, got none of class 1',
    );
  });
});

describe('SMOTE', () => {
  it('puts each new image between an image and one of its k nearest of the class', async () => {
    const k = 2;
    const more = oversampled(source(), SHAPE, oversampleSchema.parse({ kind: 'smote', k }), 3);
    expect(counts(more.labels)).toEqual([12, 12, 12]);
    const made = await images(more, LABELS.length);
    const distance = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0);
    made.forEach((image, i) => {
      const members = [...LABELS.keys()]
        .filter((j) => LABELS[j] === more.labels[LABELS.length + i])
        .map(original);
      const fits = members.some((x) => {
        const others = members.filter((y) => y !== x).sort((a, b) => distance(x, a) - distance(x, b));
        return others.slice(0, k).some((y) => isBetween(image, x, y));
      });
      expect(fits, `image ${i}`).toBe(true);
    });
    expect(made.some((image) => ORIGINALS.every((each) => each.join() !== image.join()))).toBe(true);
    expect(await images(more, LABELS.length)).toEqual(made);
  });

  it('adds what wraps round where differences are bytes, as imbalanced-learn given bytes', async () => {
    const two: ImageSource = {
      length: 3,
      labels: Int32Array.of(0, 0, 1),
      name: String,
      read: async (index, target) => void target.fill([100, 90, 0][index]),
    };
    const shape = { height: 1, width: 1, channels: 1 };
    const smote = (arithmetic: string, pixels = two) =>
      oversampled(pixels, shape, oversampleSchema.parse({ kind: 'smote', k: 1, target: 40, arithmetic }), 3);
    // Class 1 has one image only.
    expect(() => smote('uint8')).toThrow('more than 1 images of each class');
    const pair = { ...two, length: 2, labels: Int32Array.of(0, 0) };
    const exact = await images(smote('exact', pair), 2);
    const bytes = await images(smote('uint8', pair), 2);
    expect(exact.flat().every((value) => value >= 90 && value <= 100)).toBe(true);
    // From 100 the way to 90 is 246 upwards and round; from 90 the way to 100 is as it was.
    bytes.forEach(([value], i) => {
      const [right] = exact[i];
      const towards90 = value !== right;
      if (!towards90) return;
      const share = (((value - 100) & 0xff) + 0.5) / 246;
      expect(Math.abs(100 - 10 * share - right)).toBeLessThan(1.5);
    });
    expect(bytes.flat().some((value) => value < 90 || value > 100)).toBe(true);
  });

  it('says when a class is too small for k', () => {
    const options = oversampleSchema.parse({ kind: 'smote', k: 6 });
    expect(() => oversampled(source(), SHAPE, options, 0)).toThrow(
      'expected more than 6 images of each class, got 6 of class 2',
    );
  });
});

/** Whether some share of the way from x to y, the same for all pixels, gives the image, cut to whole numbers. */
function isBetween(image: number[], x: number[], y: number[]): boolean {
  let [low, high] = [0, 1];
  for (let i = 0; i < image.length; i++) {
    const step = y[i] - x[i];
    if (step === 0) {
      if (image[i] !== x[i]) return false;
      continue;
    }
    // image ≤ x + share·step < image + 1
    const ends = [(image[i] - x[i]) / step, (image[i] + 1 - x[i]) / step].sort((a, b) => a - b);
    low = Math.max(low, ends[0]);
    high = Math.min(high, ends[1]);
  }
  return low <= high + 1e-12;
}
