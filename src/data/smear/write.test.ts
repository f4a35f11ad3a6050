import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SMEAR_CLASSES } from './classes.ts';
import { smearSheet } from './sheet.ts';
import { openSmear } from './source.ts';
import { writeSmear } from './write.ts';

const options = { size: 28, images: { train: 16, val: 8, test: 8 }, seed: 4 };
let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'soma-smear-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

describe('writeSmear', () => {
  it('writes the images and masks that the data set has, losslessly', async () => {
    const folder = join(parent, 'new', 'cells');
    const seen: string[] = [];
    const written = await writeSmear(folder, {
      ...options,
      onProgress: (done, total) => seen.push(`${done}/${total}`),
    });
    expect(written).toBe(32);
    expect(seen.at(-1)).toBe('32/32');
    expect((await readdir(folder)).sort()).toEqual(['masks', 'test', 'train', 'val']);
    expect((await readdir(join(folder, 'train'))).sort()).toEqual([...SMEAR_CLASSES]);
    const source = openSmear(options).splits.train;
    for (let index = 0; index < source.length; index++) {
      const { image, nucleusMask } = source.draw(index);
      const read = await sharp(join(folder, source.name(index)))
        .raw()
        .toBuffer();
      expect(read.equals(image)).toBe(true);
      const mask = await sharp(join(folder, 'masks', source.name(index)))
        .toColourspace('b-w')
        .raw()
        .toBuffer();
      expect(mask.equals(nucleusMask.map((value) => 255 * value))).toBe(true);
    }
    expect(await readdir(join(parent, 'new'))).toEqual(['cells']);
  });

  it('leaves the masks out on request', async () => {
    const folder = join(parent, 'cells');
    const written = await writeSmear(folder, { ...options, masks: false });
    expect((await readdir(folder)).sort()).toEqual(['test', 'train', 'val']);
    const { train, val, test } = options.images;
    expect(written).toBe(train + val + test);
  });

  it('does not write into a folder that holds something', async () => {
    await writeFile(join(parent, 'precious.txt'), 'data');
    await expect(writeSmear(parent, options)).rejects.toThrow(/expected an empty or new folder/);
    expect(await readdir(parent)).toEqual(['precious.txt']);
  });

  it('leaves nothing behind when it is stopped', async () => {
    const folder = join(parent, 'cells');
    const stop = () => {
      throw new Error('stop');
    };
    await expect(writeSmear(folder, { ...options, onProgress: stop })).rejects.toThrow('stop');
    expect(await readdir(parent)).toEqual([]);
  });
});

describe('smearSheet', () => {
  it('is a PNG of a row for each class', async () => {
    const { format, width, height } = await sharp(await smearSheet({ size: 28, columns: 3 })).metadata();
    expect({ format, width, height }).toEqual({ format: 'png', width: 84, height: 224 });
  });
});
