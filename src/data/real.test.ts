/** The readers on real images: needs the folder SOMA_DATA with blood-28.npz, blood-64/ and leukemia-96/. */
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/data-fixtures.ts';
import { PixelCache } from './cache.ts';
import { checkDataset } from './check.ts';
import { loadBatches } from './loader.ts';
import { openDataset } from './open.ts';

const part = await temporaryFolder();
const folder = process.env.SOMA_DATA ?? '';
const real = (name: string) => (folder !== '' && existsSync(join(folder, name)) ? describe : describe.skip);

real('blood-28.npz')('blood-28.npz (skipped without SOMA_DATA)', () => {
  const path = join(folder, 'blood-28.npz');

  it('has the published sizes, classes and class counts', async () => {
    const data = await openDataset(path);
    const { train, val, test } = data.splits;
    expect([train.length, val.length, test.length]).toEqual([11_959, 1_712, 3_421]);
    expect(data.classes[0]).toBe('basophil');
    expect(data.classes[7]).toBe('platelet');
    expect(test.labels.filter((label) => label === 6)).toHaveLength(666);
    await data.close();
  });

  it('has 17 identical pairs, all in train, one with conflicting labels', async () => {
    const { ok, faults, identical } = await checkDataset(path);
    expect([ok, faults.length, identical.length]).toEqual([true, 0, 17]);
    expect(identical.filter((group) => group.acrossSplits)).toHaveLength(0);
    expect(identical.filter((group) => group.conflictingLabels)).toHaveLength(1);
  });

  it('serves a cached epoch quickly', async () => {
    const data = await openDataset(path);
    const cache = new PixelCache();
    const epoch = async (number: number) => {
      const options = { batchSize: 64, shuffle: true, seed: 1, epoch: number, cache };
      const start = performance.now();
      for await (const { images } of loadBatches(data.splits.train, data, options)) {
        expect(images[0]).toBeGreaterThanOrEqual(0);
      }
      return performance.now() - start;
    };
    const first = await epoch(0);
    const later = await epoch(1);
    expect(cache.bytes).toBe(11_959 * 28 * 28 * 3);
    expect(later).toBeLessThan(first);
    await data.close();
  });
});

real('blood-64')('a part of blood-64 (skipped without SOMA_DATA)', () => {
  it('reads splits and classes of WebP files, the same cells as blood-28', async () => {
    for (const split of ['train', 'val', 'test']) {
      for (const name of ['eosinophil', 'platelet']) {
        const from = join(folder, 'blood-64', split, name);
        await mkdir(join(part, split, name), { recursive: true });
        const files = (await readdir(from)).sort().slice(0, 12);
        for (const file of files) await cp(join(from, file), join(part, split, name, file));
      }
    }
    const data = await openDataset(part, { size: 28 });
    expect(data.classes).toEqual(['eosinophil', 'platelet']);
    expect(data.splits.train.length).toBe(24);
    const means = [0, 0];
    for await (const { images, labels } of loadBatches(data.splits.train, data, { batchSize: 24 })) {
      for (const [i, label] of labels.entries()) {
        const green = images.subarray((3 * i + 1) * 784, (3 * i + 2) * 784);
        means[label] += green.reduce((a, b) => a + b, 0) / green.length / 12;
      }
    }
    // Eosinophils fill the picture with granules; platelets are small on a bright ground.
    expect(means[0]).toBeLessThan(means[1]);
    expect((await checkDataset(part)).faults).toEqual([]);
  });
});

real('leukemia-96')('leukemia-96 (skipped without SOMA_DATA)', () => {
  it('has 40 identical pairs, which keepTogether keeps on one side', async () => {
    const path = join(folder, 'leukemia-96');
    const options = { keepTogether: 'near-duplicates', seed: 1 } as const;
    const together = await checkDataset(path, options);
    expect(together.identical).toHaveLength(40);
    expect(together.identical.filter((group) => group.acrossSplits)).toHaveLength(0);
    expect(together.near.filter((pair) => pair.acrossSplits)).toHaveLength(0);
    const { train, val, test } = together.splits;
    expect([train.images, val.images, test.images]).toEqual([2280, 324, 652]);
  });
});
