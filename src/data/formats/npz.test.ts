import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { medmnist, noise, npy, temporaryFolder, zip } from '../../../test/data-fixtures.ts';
import { openDataset } from '../open.ts';

const folder = await temporaryFolder();
const empty = await temporaryFolder();

const SPLITS = {
  train: { images: noise(4 * 2 * 3 * 3, 1), shape: [4, 2, 3, 3], labels: [1, 0, 2, 1] },
  val: { images: noise(18, 2), shape: [1, 2, 3, 3], labels: [2] },
  test: { images: noise(36, 3), shape: [2, 2, 3, 3], labels: [0, 1] },
};

async function write(name: string, content: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const failure = async (name: string, content: Uint8Array) =>
  openDataset(await write(name, content)).then(
    () => 'opened',
    (error: Error) => error.message,
  );

describe('npz', () => {
  for (const method of ['stored', 'deflated'] as const) {
    it(`reads rows of a ${method} archive by position`, async () => {
      const data = await openDataset(await write(`cells-${method}.npz`, zip(medmnist(SPLITS), method)));
      expect([data.name, data.height, data.width, data.channels]).toEqual([`cells-${method}`, 2, 3, 3]);
      expect(data.classes).toEqual(['0', '1', '2']);
      const row = new Uint8Array(18);
      await data.splits.train.read(2, row);
      expect(row).toEqual(SPLITS.train.images.subarray(36, 54));
      await data.splits.test.read(1, row);
      expect(row).toEqual(SPLITS.test.images.subarray(18, 36));
      expect([...data.splits.train.labels]).toEqual([1, 0, 2, 1]);
      expect(data.splits.val.name(0)).toBe('val[0]');
      await data.close();
    });
  }

  it('leaves no file behind in the temporary folder, even while open', async () => {
    vi.stubEnv('TMPDIR', empty);
    const data = await openDataset(await write('gone.npz', zip(medmnist(SPLITS), 'deflated')));
    expect(await readdir(empty)).toEqual([]);
    const row = new Uint8Array(18);
    await data.splits.val.read(0, row);
    expect(row).toEqual(SPLITS.val.images);
    vi.unstubAllEnvs();
    await data.close();
  });

  it('reads grey images, wide labels and labels without a second axis', async () => {
    const members = medmnist({
      train: { images: noise(12), shape: [2, 2, 3], labels: [0, 1] },
      val: { images: noise(6), shape: [1, 2, 3], labels: [0] },
      test: { images: noise(6), shape: [1, 2, 3], labels: [1] },
    });
    members['train_labels.npy'] = npy('<i8', [2], new Uint8Array(new BigInt64Array([1n, 0n]).buffer));
    members['val_labels.npy'] = npy('>i2', [1], Uint8Array.of(0, 1));
    const path = await write('grey.npz', zip(members, 'deflated'));
    const data = await openDataset(path);
    expect(data.channels).toBe(1);
    expect([...data.splits.train.labels, ...data.splits.val.labels]).toEqual([1, 0, 1]);
    await data.close();
    const rgb = await openDataset(path, { channels: 3 });
    const pixels = new Uint8Array(18);
    await rgb.splits.train.read(0, pixels);
    expect([...pixels.subarray(0, 6)]).toEqual([...noise(12)].slice(0, 2).flatMap((v) => [v, v, v]));
    await rgb.close();
  });

  it('names the blood-cell classes, and only when all of them occur', async () => {
    const labels = [0, 1, 2, 3, 4, 5, 6, 7];
    const split = { images: noise(8 * 4), shape: [8, 2, 2], labels };
    const all = zip(medmnist({ train: split, val: split, test: split }), 'stored');
    const blood = await openDataset(await write('bloodmnist_64.npz', all));
    expect(blood.classes[3]).toBe('ig');
    expect(blood.classes).toHaveLength(8);
    await blood.close();
    const few = await openDataset(await write('blood-few.npz', zip(medmnist(SPLITS), 'stored')));
    expect(few.classes).toEqual(['0', '1', '2']);
    await few.close();
  });

  it('refuses label 9 of 8 and names the row', async () => {
    const labels = [0, 1, 2, 3, 4, 5, 6, 7];
    const split = { images: noise(8 * 4), shape: [8, 2, 2], labels };
    const bad = { ...split, labels: [0, 1, 2, 3, 9, 5, 6, 7] };
    const message = await failure(
      'label.npz',
      zip(medmnist({ train: split, val: bad, test: split }), 'stored'),
    );
    expect(message).toMatch(/label\.npz val_labels\[4\]: expected a label from 0 to 7, got 9; /);
  });

  it('refuses wrong keys, naming those that are missing', async () => {
    const { 'val_labels.npy': _, ...rest } = medmnist(SPLITS);
    const message = await failure('keys.npz', zip({ ...rest, 'x.npy': npy('|u1', [1], noise(1)) }, 'stored'));
    expect(message).toMatch(/expected the keys train_images.*got .*x \(without val_labels\)/);
  });

  it('refuses float images and says how to convert them', async () => {
    const members = medmnist(SPLITS);
    members['train_images.npy'] = npy('<f4', [4, 2, 3, 3], new Uint8Array(72 * 4));
    const message = await failure('float.npz', zip(members, 'deflated'));
    expect(message).toMatch(/train_images: expected uint8 .*got float32; .*astype\("uint8"\)/);
  });

  it('refuses wrong shapes, one-hot labels, unequal counts and sizes', async () => {
    const wrong = async (member: string, content: Buffer) =>
      failure('shape.npz', zip({ ...medmnist(SPLITS), [member]: content }, 'stored'));
    expect(await wrong('train_images.npy', npy('|u1', [4, 3, 2, 4], noise(96)))).toMatch(
      /got \(4, 3, 2, 4\)/,
    );
    expect(await wrong('val_images.npy', npy('|u1', [1, 2, 3, 3], noise(18), true))).toMatch(/Fortran order/);
    expect(await wrong('train_labels.npy', npy('|u1', [4, 3], noise(12)))).toMatch(/argmax/);
    expect(await wrong('train_labels.npy', npy('<f8', [4], noise(32)))).toMatch(/got float64/);
    expect(await wrong('train_labels.npy', npy('|u1', [3, 1], noise(3)))).toMatch(/as images, 4, got 3/);
    expect(await wrong('test_images.npy', npy('|u1', [2, 2, 2, 3], noise(24)))).toMatch(/got 2×2×3/);
  });

  it('refuses cut-off and damaged archives', async () => {
    const whole = zip(medmnist(SPLITS), 'deflated');
    expect(await failure('cut.npz', whole.subarray(0, whole.length - 40))).toMatch(
      /cut\.npz: expected a complete/,
    );
    expect(await failure('page.npz', Buffer.from('<html>'))).toMatch(/does not begin with "PK"/);
    const short = npy('|u1', [4, 2, 3, 3], noise(50));
    const message = await failure(
      'short.npz',
      zip({ ...medmnist(SPLITS), 'train_images.npy': short }, 'stored'),
    );
    expect(message).toMatch(/train_images: expected 4 images, got bytes for 2, ending in row 2/);
    const damaged = Buffer.from(whole);
    damaged[130] ^= 0xff;
    expect(await failure('bits.npz', damaged)).toMatch(/train_images\.npy: expected a complete zip archive/);
  });

  it('refuses a member that ends early, also one that is known to before anybody reads it', async () => {
    const archive = Buffer.from(zip(medmnist(SPLITS), 'deflated'));
    const entry = archive.indexOf(Buffer.from('PK\x01\x02', 'latin1'));
    archive.writeUInt32LE(archive.readUInt32LE(entry + 24) + 65, entry + 24);
    for (let i = 0; i < 20; i++)
      expect(await failure('early.npz', archive)).toMatch(
        /expected a complete zip archive.*not enough bytes/,
      );
  });
});
