import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { noise, temporaryFolder } from '../../../test/data-fixtures.ts';
import { openDataset } from '../open.ts';

const root = await temporaryFolder();

async function put(path: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

const png = (seed: number, width = 4, height = 3) =>
  sharp(noise(width * height * 3, seed), { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();

const message = (folder: string, options = {}) =>
  openDataset(join(root, folder), options).then(
    () => 'opened',
    (error: Error) => error.message,
  );

describe('folder', () => {
  it('reads given splits under their usual names, classes sorted by name', async () => {
    for (const [i, path] of ['Train/b/1', 'Train/a/2', 'Train/a/1', 'valid/a/3', 'test/b/4'].entries()) {
      await put(`given/${path}.png`, await png(i));
    }
    const data = await openDataset(join(root, 'given'));
    const { train, val, test } = data.splits;
    expect(data.classes).toEqual(['a', 'b']);
    expect([train.length, val.length, test.length]).toEqual([3, 1, 1]);
    expect([0, 1, 2].map((i) => train.name(i))).toEqual(['Train/a/1.png', 'Train/a/2.png', 'Train/b/1.png']);
    expect([...train.labels]).toEqual([0, 0, 1]);
    const pixels = new Uint8Array(36);
    await train.read(2, pixels);
    expect(pixels).toEqual(noise(36, 0));
  });

  it('draws 70/10/20 per class by seed when no split is given', async () => {
    for (let i = 0; i < 30; i++) await put(`bare/${i < 20 ? 'x' : 'y'}/${i}.png`, await png(i));
    const data = await openDataset(join(root, 'bare'), { seed: 1 });
    const counts = (labels: Int32Array) => [0, 1].map((c) => labels.filter((label) => label === c).length);
    expect(counts(data.splits.train.labels)).toEqual([14, 7]);
    expect(counts(data.splits.val.labels)).toEqual([2, 1]);
    expect(counts(data.splits.test.labels)).toEqual([4, 2]);
    const names = (d: typeof data) => Array.from({ length: 6 }, (_, i) => d.splits.test.name(i));
    const again = await openDataset(join(root, 'bare'), { seed: 1 });
    const other = await openDataset(join(root, 'bare'), { seed: 2 });
    expect(names(again)).toEqual(names(data));
    expect(again.fingerprint).toBe(data.fingerprint);
    expect(names(other)).not.toEqual(names(data));
    expect(other.fingerprint).not.toBe(data.fingerprint);
  });

  it('keeps together what the caller says', async () => {
    const keepTogether = (name: string) => String(Math.floor(Number(/(\d+)\.png/.exec(name)?.[1]) / 4));
    const { splits } = await openDataset(join(root, 'bare'), { keepTogether });
    const keys = Object.values(splits).map(
      (split) => new Set(Array.from({ length: split.length }, (_, i) => keepTogether(split.name(i)))),
    );
    expect(keys[0].size + keys[1].size + keys[2].size).toBe(new Set(keys.flatMap((set) => [...set])).size);
  });

  it('finds a text named .jpg, an empty file and an empty class on opening', async () => {
    await put('text/a/1.png', await png(1));
    await put('text/b/2.jpg', Buffer.from('just some text, no picture'));
    expect(await message('text')).toMatch(/b\/2\.jpg: expected a JPEG.*begins with "just some text/);
    await put('text/b/2.jpg', Buffer.alloc(0));
    expect(await message('text')).toMatch(/b\/2\.jpg: .*got an empty file/);
    await put('hollow/a/1.png', await png(1));
    await mkdir(join(root, 'hollow/b'));
    expect(await message('hollow')).toMatch(/hollow\/b: expected images of class b.*got an empty folder/);
    await put('flat/1.png', await png(1));
    expect(await message('flat')).toMatch(/expected folders named after classes/);
  });

  it('names the file that is cut off or of another size when it is read', async () => {
    await put('late/a/1.png', await png(1));
    await put('late/a/2.png', (await png(2)).subarray(0, 60));
    await put('late/a/3.png', await png(3, 5, 3));
    const data = await openDataset(join(root, 'late'), { ratios: { train: 1, val: 0, test: 0 } });
    const { train } = data.splits;
    const pixels = new Uint8Array(36);
    await expect(train.read(1, pixels)).rejects.toThrow(/late\/a\/2\.png: expected a complete image, got/);
    await expect(train.read(2, pixels)).rejects.toThrow(
      /a\/3\.png: expected 3×4 pixels.*got 3×5; ask for a size/,
    );
    const sized = await openDataset(join(root, 'late'), { size: { height: 3, width: 4 } });
    expect([sized.height, sized.width]).toEqual([3, 4]);
  });
});
