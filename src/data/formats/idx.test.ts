import { mkdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { idx, noise, temporaryFolder } from '../../../test/data-fixtures.ts';
import { openDataset } from '../open.ts';

const folder = await temporaryFolder();
const TRAIN = 40;
const PIXELS = noise(TRAIN * 6);
const LABELS = Uint8Array.from({ length: TRAIN }, (_, i) => i % 10);

async function write(name: string, compress: boolean, sep = '-'): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  const files = {
    [`train-images${sep}idx3-ubyte`]: idx([TRAIN, 2, 3], PIXELS),
    [`train-labels${sep}idx1-ubyte`]: idx([TRAIN], LABELS),
    [`t10k-images${sep}idx3-ubyte`]: idx([10, 2, 3], noise(60, 5)),
    [`t10k-labels${sep}idx1-ubyte`]: idx([10], LABELS.subarray(0, 10)),
  };
  for (const [file, bytes] of Object.entries(files)) {
    await writeFile(join(path, compress ? `${file}.gz` : file), compress ? gzipSync(bytes) : bytes);
  }
  return path;
}

describe('idx', () => {
  it('reads the four files, compressed or not, and draws validation from train', async () => {
    const plain = await openDataset(await write('plain', false));
    const zipped = await openDataset(await write('zipped', true));
    const dotted = await openDataset(await write('dotted', false, '.'));
    for (const data of [plain, zipped, dotted]) {
      const { train, val, test } = data.splits;
      // 0.1 / (0.7 + 0.1) of 4 images a class rounds to none or one.
      expect(train.length + val.length).toBe(TRAIN);
      expect(test.length).toBe(10);
      expect([data.height, data.width, data.channels]).toEqual([2, 3, 1]);
      const row = Number(/\d+/.exec(train.name(3))?.[0]);
      const pixels = new Uint8Array(6);
      await train.read(3, pixels);
      expect(pixels).toEqual(PIXELS.subarray(6 * row, 6 * row + 6));
      expect(train.labels[3]).toBe(row % 10);
    }
    expect(plain.fingerprint).toBe(zipped.fingerprint);
    for (const data of [plain, zipped, dotted]) await data.close();
  });

  it('knows the classes of Fashion-MNIST', async () => {
    const data = await openDataset(await write('fashion-mnist', true), { ratios: { train: 0.5, val: 0.5 } });
    expect(data.classes[9]).toBe('ankle boot');
    expect(data.splits.val.length).toBe(TRAIN / 2);
    await data.close();
  });

  it('names missing, cut-off, foreign and unequal files', async () => {
    const message = (path: string) => openDataset(path).then(String, (error: Error) => error.message);
    const path = await write('broken', false);
    const images = join(path, 'train-images-idx3-ubyte');
    await writeFile(images, idx([TRAIN, 2, 3], PIXELS).subarray(0, 16 + 6 * 7 + 2));
    expect(await message(path)).toMatch(/train-images-idx3-ubyte: .*bytes for 7 of 40 rows, ending in row 7/);
    await writeFile(images, Buffer.from('not an idx file at all'));
    expect(await message(path)).toMatch(/instead of 0 0 8 3/);
    await writeFile(images, idx([TRAIN - 1, 2, 3], PIXELS));
    expect(await message(path)).toMatch(/as many labels as images, 39, got 40/);
    await unlink(images);
    expect(await message(path)).toMatch(/train-images-idx3-ubyte: expected this file, .*no such file/);
    const cut = await write('cut', true);
    const labels = gzipSync(idx([TRAIN], LABELS));
    await writeFile(join(cut, 'train-labels-idx1-ubyte.gz'), labels.subarray(0, labels.length - 9));
    expect(await message(cut)).toMatch(
      /train-labels-idx1-ubyte\.gz: expected a complete IDX file.*unexpected end/,
    );
  });
});
