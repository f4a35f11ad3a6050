import { describe, expect, it } from 'vitest';
import { SPLITS } from '../dataset.ts';
import { SMEAR_CLASSES } from './classes.ts';
import { openSmear } from './source.ts';

const images = { train: 20, val: 8, test: 17 };

async function bytes(
  source: { read(index: number, target: Uint8Array): Promise<void> },
  index: number,
  size: number,
) {
  const target = new Uint8Array(size * size * 3);
  await source.read(index, target);
  return target;
}

describe('openSmear', () => {
  it('describes itself and has the wanted counts, balanced', () => {
    const data = openSmear({ images });
    expect(data).toMatchObject({
      name: 'smear-64',
      height: 64,
      width: 64,
      channels: 3,
      classes: SMEAR_CLASSES,
    });
    for (const split of SPLITS) {
      const { labels, length } = data.splits[split];
      expect(length).toBe(images[split]);
      const counts = SMEAR_CLASSES.map((_, label) => labels.filter((l) => l === label).length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
    const full = openSmear();
    expect(SPLITS.map((split) => full.splits[split].length)).toEqual([1600, 320, 640]);
  });

  it('follows the proportions of the PBC data set on request, with none empty', () => {
    const { labels } = openSmear({ images: { train: 1709 }, proportions: 'pbc' }).splits.train;
    const counts = SMEAR_CLASSES.map((_, label) => labels.filter((l) => l === label).length);
    const expected = [122, 312, 155, 290, 121, 142, 333, 235];
    counts.forEach((count, k) => {
      expect(Math.abs(count - expected[k])).toBeLessThanOrEqual(2);
    });
    const few = openSmear({ images: { val: 8 }, proportions: 'pbc' }).splits.val.labels;
    expect(new Set(few).size).toBe(8);
  });

  it('reads the same bytes in any order, cached or not', async () => {
    const cached = openSmear({ size: 28, images }).splits.train;
    const bare = openSmear({ size: 28, images, cacheBytes: 0 }).splits.train;
    const forward = [];
    for (let i = 0; i < 20; i++) forward.push(await bytes(cached, i, 28));
    for (let i = 19; i >= 0; i--) {
      expect(await bytes(bare, i, 28)).toEqual(forward[i]);
      expect(await bytes(cached, i, 28)).toEqual(forward[i]);
    }
    expect(new Set(forward.map((image) => Buffer.from(image).toString('base64'))).size).toBe(20);
  });

  it('does not let a reader spoil the cache', async () => {
    const source = openSmear({ size: 28, images }).splits.train;
    const first = await bytes(source, 0, 28);
    const copy = first.slice();
    first.fill(0);
    expect(await bytes(source, 0, 28)).toEqual(copy);
  });

  it('gives the mask of the image it reads', async () => {
    const source = openSmear({ images }).splits.test;
    const { image, nucleusMask } = source.draw(5);
    const mask = new Uint8Array(64 * 64);
    await source.mask(5, mask);
    expect(mask).toEqual(nucleusMask);
    expect(await bytes(source, 5, 64)).toEqual(image);
  });

  it('has splits and seeds that share no image, and the same labels at any size', async () => {
    const a = openSmear({ size: 28, images });
    const b = openSmear({ size: 28, images, seed: 1 });
    const c = openSmear({ size: 64, images });
    expect(c.splits.train.labels).toEqual(a.splits.train.labels);
    expect(b.splits.train.labels).not.toEqual(a.splits.train.labels);
    expect(await bytes(a.splits.train, 0, 28)).not.toEqual(await bytes(a.splits.val, 0, 28));
    expect(new Set([a, b, c].map((data) => data.fingerprint)).size).toBe(3);
    expect(openSmear({ size: 28, images }).fingerprint).toBe(a.fingerprint);
    const names = Array.from({ length: 20 }, (_, i) => a.splits.train.name(i));
    expect(new Set(names).size).toBe(20);
    expect(names[3]).toBe(`train/${SMEAR_CLASSES[a.splits.train.labels[3]]}/03.png`);
  });

  it('names the option that is wrong', async () => {
    expect(() => openSmear({ size: 300 })).toThrow(/size from 16 to 256 pixels, got 300/);
    expect(() => openSmear({ images: { val: 3 } })).toThrow(/images.val a whole number, at least 8, got 3/);
    expect(() => openSmear({ difficulty: Number.NaN })).toThrow(/difficulty from 0 to 1, got NaN/);
    expect(() => openSmear({ seed: 0.5 })).toThrow(/seed a whole number, got 0.5/);
    const source = openSmear({ size: 28, images }).splits.val;
    await expect(source.read(8, new Uint8Array(28 * 28 * 3))).rejects.toThrow(/an index below 8, got 8/);
    await expect(source.read(0, new Uint8Array(5))).rejects.toThrow(/room for 2352 bytes, got 5/);
  });
});

describe('difficulty of the smear', () => {
  it('defeats a linear model on pixels, which still does better than chance', async () => {
    const size = 28;
    const data = openSmear({ size, images: { train: 800, test: 400 } });
    const train = await features(data.splits.train, size);
    const test = await features(data.splits.test, size);
    const weights = logisticRegression(train, data.splits.train.labels, 8);
    const fit = accuracy(weights, train, data.splits.train.labels);
    const score = accuracy(weights, test, data.splits.test.labels);
    expect(fit).toBeGreaterThan(0.65);
    expect(score).toBeGreaterThan(0.4);
    expect(score).toBeLessThan(0.75);
  });
});

/** Pixels averaged 2 × 2, centred, and a constant. */
async function features(
  source: { length: number; read(i: number, target: Uint8Array): Promise<void> },
  size: number,
): Promise<Float64Array[]> {
  const half = size / 2;
  const rows: Float64Array[] = [];
  for (let index = 0; index < source.length; index++) {
    const image = await bytes(source, index, size);
    const row = new Float64Array(half * half * 3 + 1).fill(-0.7);
    image.forEach((value, i) => {
      const pixel = Math.floor(i / 3);
      const target = Math.floor(pixel / size / 2) * half + Math.floor((pixel % size) / 2);
      row[target * 3 + (i % 3)] += value / 1020;
    });
    row[row.length - 1] = 1;
    rows.push(row);
  }
  return rows;
}

/** Multinomial logistic regression by full gradient descent with momentum: one weight row for each class. */
function logisticRegression(rows: Float64Array[], labels: Int32Array, classes: number): Float64Array[] {
  const weights = Array.from({ length: classes }, () => new Float64Array(rows[0].length));
  const speed = weights.map((w) => new Float64Array(w.length));
  for (let step = 0; step < 150; step++) {
    for (const v of speed) for (let i = 0; i < v.length; i++) v[i] *= 0.9;
    rows.forEach((row, n) => {
      const scores = weights.map((w) => dot(w, row));
      const top = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - top));
      const total = powers.reduce((a, b) => a + b);
      speed.forEach((v, label) => {
        const gradient = powers[label] / total - (label === labels[n] ? 1 : 0);
        const rate = (0.05 / rows.length) * gradient;
        for (let i = 0; i < v.length; i++) v[i] -= rate * row[i];
      });
    });
    weights.forEach((w, label) => {
      for (let i = 0; i < w.length; i++) w[i] += speed[label][i];
    });
  }
  return weights;
}

function accuracy(weights: Float64Array[], rows: Float64Array[], labels: Int32Array): number {
  const right = rows.filter((row, n) => {
    const scores = weights.map((w) => dot(w, row));
    return scores.indexOf(Math.max(...scores)) === labels[n];
  });
  return right.length / rows.length;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
