import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { memorySource, noise } from '../../test/data-fixtures.ts';
import { PixelCache } from './cache.ts';
import { type Batch, comesClassByClass, countBatches, epochOrder, loadBatches } from './loader.ts';
import { toValues, valueTable } from './planar.ts';

const SHAPE = { height: 3, width: 2, channels: 3 };
const BYTES = 18;
const COUNT = 11;
const IMAGES = Array.from({ length: COUNT }, (_, i) => noise(BYTES, i));
const labels = IMAGES.map((_, i) => i % 4);

/** Batches with their pixels copied out, as a caller that keeps them would. */
async function collect(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const list: Batch[] = [];
  for await (const batch of batches) list.push({ ...batch, images: batch.images.slice() });
  return list;
}

describe('loadBatches', () => {
  it('gives f32 NCHW in [0, 1] with labels and indices', async () => {
    const batches = await collect(loadBatches(memorySource(IMAGES, labels), SHAPE, { batchSize: 4 }));
    expect(batches.map((batch) => batch.size)).toEqual([4, 4, 3]);
    expect(batches[2].images).toHaveLength(3 * BYTES);
    expect([...batches[2].indices]).toEqual([8, 9, 10]);
    expect([...batches[2].labels]).toEqual([0, 1, 2]);
    for (const { images, indices } of batches) {
      for (const [k, index] of indices.entries()) {
        for (let c = 0; c < 3; c++) {
          for (let p = 0; p < 6; p++) {
            expect(images[k * BYTES + c * 6 + p]).toBe(Math.fround(IMAGES[index][p * 3 + c] / 255));
          }
        }
      }
    }
  });

  it('gives the same values by words as by bytes', () => {
    const table = valueTable(3, { mean: [0.1, 0.2, 0.3], std: [0.5, 0.25, 2] });
    const shifted = new Uint8Array(49).subarray(1);
    shifted.set(noise(48));
    const outs = [noise(48), shifted].map((planes) => {
      const out = new Float32Array(50);
      toValues(planes, table, out, 2);
      return out;
    });
    expect(outs[0]).toEqual(outs[1]);
    expect(outs[0][2 + 47]).toBe(table[512 + shifted[47]]);
  });

  it('normalises per channel', async () => {
    const normalization = { mean: [0.1, 0.2, 0.3], std: [0.5, 0.25, 2] };
    const source = memorySource(IMAGES, labels);
    const [batch] = await collect(loadBatches(source, SHAPE, { batchSize: 1, normalization }));
    expect(batch.images[6]).toBeCloseTo((IMAGES[0][1] / 255 - 0.2) / 0.25, 6);
    const wrong = loadBatches(source, SHAPE, { batchSize: 1, normalization: { mean: [0], std: [1] } });
    await expect(wrong.next()).rejects.toThrow(/3 means and 3 standard deviations/);
  });

  it('orders by seed and epoch alone and takes every image once', async () => {
    const order = async (seed: number, epoch: number, batchSize = 4) => {
      const options = { batchSize, shuffle: true, seed, epoch };
      const batches = await collect(loadBatches(memorySource(IMAGES, labels), SHAPE, options));
      return batches.flatMap((batch) => [...batch.indices]);
    };
    const first = await order(1, 0);
    expect([...first].sort((a, b) => a - b)).toEqual(IMAGES.map((_, i) => i));
    expect(await order(1, 0, 3)).toEqual(first);
    expect(await order(1, 1)).not.toEqual(first);
    expect(await order(2, 0)).not.toEqual(first);
    expect([...epochOrder(COUNT, { shuffle: true, seed: 1 })]).toEqual(first);
    const once = [0, 1].map((epoch) => [...epochOrder(COUNT, { shuffle: 'once', seed: 1, epoch })]);
    expect(once[1]).toEqual(once[0]);
    expect(once[0]).not.toEqual([...epochOrder(COUNT, {})]);
  });

  it('knows an order that is class by class', () => {
    const sorted = Int32Array.from({ length: 400 }, (_, i) => Math.floor(i / 50));
    expect(comesClassByClass(sorted)).toBe(true);
    expect(comesClassByClass(sorted.map((_, i) => sorted[(i * 53) % 400]))).toBe(false);
    expect(comesClassByClass(sorted.map((_, i) => sorted[epochOrder(400, { shuffle: 'once' })[i]]))).toBe(
      false,
    );
    expect(comesClassByClass(new Int32Array(400))).toBe(false);
  });

  it('resumes in the middle of an epoch with the same bits, cached or not', async () => {
    const options = {
      batchSize: 4,
      shuffle: true,
      seed: 3,
      epoch: 2,
      augment: { rotation: 20, flipHorizontal: true, shift: 0.2 },
    };
    const whole = await collect(loadBatches(memorySource(IMAGES, labels), SHAPE, options));
    const cache = new PixelCache();
    const source = memorySource(IMAGES, labels);
    await collect(loadBatches(source, SHAPE, { ...options, epoch: 1, cache }));
    const rest = await collect(loadBatches(source, SHAPE, { ...options, startBatch: 1, cache }));
    expect(rest).toEqual(whole.slice(1));
    expect(source.reads).toEqual(IMAGES.map(() => 1));
  });

  it('leaves out a last batch that is not full when asked', async () => {
    const options = { batchSize: 4, dropLast: true };
    expect(await collect(loadBatches(memorySource(IMAGES), SHAPE, options))).toHaveLength(2);
    expect(countBatches(COUNT, 4, true)).toBe(2);
    expect(countBatches(COUNT, 4)).toBe(3);
    expect(await collect(loadBatches(memorySource([]), SHAPE, { batchSize: 4 }))).toEqual([]);
    expect(await collect(loadBatches(memorySource(IMAGES), SHAPE, { batchSize: 4, startBatch: 3 }))).toEqual(
      [],
    );
  });

  it('prepares the next batch while the caller is busy, and no further one', async () => {
    const source = memorySource(IMAGES);
    const batches = loadBatches(source, SHAPE, { batchSize: 4 });
    const { value } = await batches.next();
    const kept = value?.images.slice();
    await setTimeout(20);
    expect(source.reads).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
    expect(value?.images).toEqual(kept);
    await batches.return(undefined);
  });

  it('bounds the reads in flight and has none left after an early end', async () => {
    let running = 0;
    let most = 0;
    const source = memorySource(IMAGES);
    const slow = {
      ...source,
      async read(index: number, target: Uint8Array) {
        most = Math.max(most, ++running);
        await setTimeout(2);
        await source.read(index, target);
        running--;
      },
    };
    for await (const _ of loadBatches(slow, SHAPE, { batchSize: 5, concurrency: 2 })) break;
    expect(running).toBe(0);
    expect(most).toBe(2);
  });

  it('throws the fault of an image at its batch, not before', async () => {
    const source = memorySource(IMAGES);
    const broken = {
      ...source,
      read: (index: number, target: Uint8Array) =>
        index === 6 ? Promise.reject(new Error('image 6 is cut off')) : source.read(index, target),
    };
    const batches = loadBatches(broken, SHAPE, { batchSize: 4 });
    expect((await batches.next()).value?.size).toBe(4);
    await setTimeout(10);
    await expect(batches.next()).rejects.toThrow('image 6 is cut off');
  });

  it('refuses wrong options', async () => {
    const source = memorySource(IMAGES);
    await expect(loadBatches(source, SHAPE, { batchSize: 0 }).next()).rejects.toThrow(/batchSize: expected/);
    const misspelt = loadBatches(source, SHAPE, { batchSize: 1, augment: { zoom: 2 } });
    await expect(misspelt.next()).rejects.toThrow(/augment\.zoom/);
  });
});

describe('PixelCache', () => {
  it('keeps to its bound, over several sources, and serves what it holds', async () => {
    const cache = new PixelCache(7 * BYTES);
    const a = memorySource(IMAGES);
    const b = memorySource(IMAGES);
    for (let epoch = 0; epoch < 3; epoch++) {
      await collect(loadBatches(a, SHAPE, { batchSize: 4, shuffle: true, epoch, cache }));
      await collect(loadBatches(b, SHAPE, { batchSize: 4, cache }));
    }
    expect(cache.bytes).toBe(7 * BYTES);
    expect(a.reads.filter((reads) => reads === 1)).toHaveLength(7);
    expect(a.reads.filter((reads) => reads === 3)).toHaveLength(4);
    expect(b.reads).toEqual(IMAGES.map(() => 3));
  });

  it('spans several chunks', () => {
    const source = memorySource(Array.from({ length: 200 }, (_, i) => Uint8Array.of(i, i + 1)));
    const shelf = new PixelCache().shelf(source, 2);
    for (let i = 199; i >= 0; i -= 2) shelf.put(i, Uint8Array.of(i, i + 1));
    expect(shelf.get(3)).toEqual(Uint8Array.of(3, 4));
    expect(shelf.get(199)).toEqual(Uint8Array.of(199, 200));
    expect(shelf.get(2)).toBeUndefined();
  });
});
