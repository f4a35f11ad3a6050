import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { noise, temporaryFolder } from '../../../test/data-fixtures.ts';
import { checkDataset } from '../check.ts';
import { openDataset } from '../open.ts';

const folder = await temporaryFolder();
const PLANE = 32 * 32;

/** Records of random pixels with these labels; `coarse` goes before each label. */
function records(labels: readonly number[], seed: number, coarse?: number): Uint8Array {
  const lead = coarse === undefined ? [] : [coarse];
  return Buffer.concat(
    labels.map((label, i) => Buffer.concat([Buffer.from([...lead, label]), noise(3 * PLANE, seed + i)])),
  );
}

async function write(name: string, files: Record<string, Uint8Array | string>): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  for (const [file, content] of Object.entries(files)) await writeFile(join(path, file), content);
  return path;
}

const TEN = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const batches = (path: string, names = 'frog\ncat\n2\n3\n4\n5\n6\n7\n8\n9\n\n') =>
  write(path, {
    ...Object.fromEntries([1, 2, 3, 4, 5].map((i) => [`data_batch_${i}.bin`, records(TEN, 100 * i)])),
    'test_batch.bin': records([1, 0], 900),
    'batches.meta.txt': names,
  });

describe('cifar', () => {
  it('reads five batches as one split, planes of red, green and blue', async () => {
    const data = await openDataset(await batches('ten'), { ratios: { val: 0 } });
    const { train, val, test } = data.splits;
    expect([train.length, val.length, test.length]).toEqual([50, 0, 2]);
    expect([data.height, data.width, data.channels, data.classes[1]]).toEqual([32, 32, 3, 'cat']);
    expect([...test.labels]).toEqual([1, 0]);
    expect(train.name(13)).toBe('data_batch_2.bin[3]');
    const [pixels, planes] = [new Uint8Array(3 * PLANE), noise(3 * PLANE, 203)];
    await train.read(13, pixels);
    for (const [i, channel] of [
      [0, 0],
      [33, 1],
      [1023, 2],
    ])
      expect(pixels[3 * i + channel]).toBe(planes[channel * PLANE + i]);
    await data.close();
  });

  it('takes the fine labels of CIFAR-100, and numbers where there are no names', async () => {
    const path = await write('hundred', {
      'train.bin': records([0, 1, 2, 0, 1, 2], 1, 19),
      'test.bin': records([2], 50, 19),
    });
    const data = await openDataset(path);
    expect(data.classes).toEqual(['0', '1', '2']);
    expect([...data.splits.test.labels]).toEqual([2]);
    await data.close();
  });

  it('names a file that is cut off, one that is missing, and a label beyond the names', async () => {
    const path = await batches('broken');
    await writeFile(join(path, 'data_batch_3.bin'), records(TEN, 7).subarray(0, 5000));
    await rm(join(path, 'data_batch_4.bin'));
    await writeFile(join(path, 'test_batch.bin'), records([0, 11], 5));
    await expect(openDataset(path)).rejects.toThrow(
      /data_batch_3\.bin: expected records of 3073 bytes, got 5000 bytes/,
    );
    const { ok, faults } = await checkDataset(path);
    expect(ok).toBe(false);
    expect(faults.map(({ kind, where }) => `${kind} ${where.slice(path.length + 1)}`)).toEqual([
      'truncated data_batch_3.bin',
      'truncated data_batch_4.bin',
      'label-out-of-range test_batch.bin[1]',
    ]);
  });
});
