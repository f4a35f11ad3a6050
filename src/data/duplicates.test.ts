import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { memorySource, noise } from '../../test/data-fixtures.ts';
import { random } from '../random.ts';
import { identicalGroups, nearDuplicateGroups, nearPairs, signaturesOf } from './duplicates.ts';
import { hammingDistance, perceptualHasher, THUMB_BYTES } from './phash.ts';

const SHAPE = { height: 24, width: 20, channels: 3 };
const BYTES = 24 * 20 * 3;

/** Smooth blobs, like cells: random ones differ clearly in their hash. */
function picture(seed: number): Uint8Array {
  const draw = random(seed, 'picture');
  const blobs = Array.from({ length: 4 }, () => [
    draw.uniform(0, 24),
    draw.uniform(0, 20),
    draw.uniform(30, 120),
  ]);
  return Uint8Array.from({ length: BYTES }, (_, i) => {
    const y = Math.floor(i / 60);
    const x = Math.floor((i % 60) / 3);
    const dark = blobs.reduce(
      (sum, [by, bx, s]) => sum + s * Math.exp(-((y - by) ** 2 + (x - bx) ** 2) / 18),
      0,
    );
    return Math.max(0, 230 - dark - (i % 3) * 8);
  });
}

const changed = (image: Uint8Array, amount: number, seed: number) => {
  const draw = random(seed, 'change');
  return image.map((value) => Math.max(0, Math.min(255, value + draw.int(2 * amount + 1) - amount)));
};

describe('perceptualHasher', () => {
  const hash = perceptualHasher(SHAPE);
  const thumb = new Uint8Array(THUMB_BYTES);
  const distance = (a: Uint8Array, b: Uint8Array) => {
    const p = hash(a, thumb);
    const q = hash(b, thumb);
    return hammingDistance(p.high, p.low, q.high, q.low);
  };

  it('hardly moves under noise, brightness and re-encoding, and far for another picture', async () => {
    const image = picture(1);
    expect(distance(image, changed(image, 3, 1))).toBeLessThanOrEqual(7);
    expect(
      distance(
        image,
        image.map((v) => Math.min(255, v + 6)),
      ),
    ).toBeLessThanOrEqual(4);
    const raw = { height: 24, width: 20, channels: 3 as const };
    const jpeg = await sharp(image, { raw }).jpeg({ quality: 80 }).toBuffer();
    expect(distance(image, await sharp(jpeg).raw().toBuffer())).toBeLessThanOrEqual(7);
    const others = Array.from({ length: 20 }, (_, i) => distance(image, picture(100 + i)));
    expect(Math.min(...others)).toBeGreaterThan(9);
  });

  it('keeps the mean brightness in the thumbnail', () => {
    hash(new Uint8Array(BYTES).fill(77), thumb);
    expect(new Set(thumb)).toEqual(new Set([77]));
  });
});

describe('identical and near images', () => {
  const images = Array.from({ length: 60 }, (_, i) => picture(i));
  images.push(images[5], changed(images[9], 2, 1), images[5], changed(images[9], 30, 2));
  const source = memorySource(images);

  it('finds exact groups and near pairs, and nothing else', async () => {
    const signatures = await signaturesOf(source, SHAPE);
    expect(identicalGroups(signatures)).toEqual([[5, 60, 62]]);
    const pairs = await nearPairs(source, SHAPE, signatures);
    expect(pairs.map(({ a, b }) => [a, b])).toEqual([[9, 61]]);
    expect(pairs[0].difference).toBeGreaterThan(0.5);
    expect(pairs[0].difference).toBeLessThan(2);
  });

  it('finds by buckets what comparing all with all finds', async () => {
    const near = Array.from({ length: 40 }, (_, i) => changed(picture(i % 10), 3, i));
    const many = memorySource([...near, ...images.slice(20, 50), noise(BYTES)]);
    const signatures = await signaturesOf(many, SHAPE);
    const { high, low } = signatures;
    const expected: number[][] = [];
    for (let a = 0; a < many.length; a++) {
      for (let b = a + 1; b < many.length; b++) {
        if (hammingDistance(high[a], low[a], high[b], low[b]) <= 7) expected.push([a, b]);
      }
    }
    const pairs = await nearPairs(many, SHAPE, signatures, 255);
    expect(expected.length).toBeGreaterThan(30);
    expect(pairs.map(({ a, b }) => [a, b])).toEqual(expected);
  });

  it('groups by way of a third image', async () => {
    const groups = await nearDuplicateGroups(source, SHAPE);
    expect(groups[60]).toBe(groups[5]);
    expect(groups[62]).toBe(groups[5]);
    expect(groups[61]).toBe(groups[9]);
    expect(new Set(groups).size).toBe(61);
  });
});
