import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { medmnist, noise, npy, temporaryFolder, zip } from '../../test/data-fixtures.ts';
import { checkDataset } from './check.ts';
import { openDataset } from './open.ts';

const root = await temporaryFolder();

async function put(path: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

const SIDE = 16;
const pixels = (seed: number) => noise(SIDE * SIDE * 3, seed);
const encode = (data: Uint8Array, width = SIDE) =>
  sharp(data, { raw: { width, height: SIDE, channels: 3 } })
    .png()
    .toBuffer();

describe('checkDataset', () => {
  it('lists every fault of a folder, not only the first', async () => {
    for (let i = 0; i < 6; i++) await put(`bad/train/${i % 2 ? 'b' : 'a'}/${i}.png`, await encode(pixels(i)));
    await put('bad/train/a/cut.png', (await encode(pixels(9))).subarray(0, 300));
    await put('bad/train/a/text.jpg', Buffer.from('no picture'));
    await put('bad/train/b/wide.png', await encode(noise(SIDE * 20 * 3), 20));
    await put('bad/train/b/notes.txt', Buffer.from('passed over'));
    await mkdir(join(root, 'bad/train/c'));
    await put('bad/val/a/v.png', await encode(pixels(20)));
    await put('bad/test/d/t.png', await encode(pixels(21)));
    const report = await checkDataset(join(root, 'bad'));
    expect(report.ok).toBe(false);
    const listed = report.faults.map(
      (fault) => `${fault.severity} ${fault.kind} ${fault.where.slice(root.length)}`,
    );
    expect(listed.sort()).toEqual([
      'error empty-class /bad/train/c',
      'error empty-class /bad/train/d',
      'error not-an-image /bad/train/a/text.jpg',
      'error other-size /bad/train/b/wide.png',
      'error unreadable-image /bad/train/a/cut.png',
      'warning empty-class /bad/test/a',
      'warning empty-class /bad/test/b',
      'warning empty-class /bad/test/c',
      'warning empty-class /bad/val/b',
      'warning empty-class /bad/val/c',
      'warning empty-class /bad/val/d',
      'warning ignored-entry /bad/train/b/notes.txt',
    ]);
    expect(report.classes).toEqual(['a', 'b', 'c', 'd']);
    expect(report.splits.train).toEqual({ images: 8, perClass: [4, 4, 0, 0] });
    expect(report.imbalance).toBe(Number.POSITIVE_INFINITY);
    await expect(openDataset(join(root, 'bad'))).rejects.toThrow(/train\/c: expected images of class c/);
  });

  it('lists every bad row and array of an npz', async () => {
    const split = { images: noise(12 * 4), shape: [12, 2, 2], labels: [0, 1, 2, 0, 1, 2, 9, 0, 1, 2, 7, 0] };
    const members = medmnist({ train: split, val: split, test: split });
    members['val_images.npy'] = npy('<f4', [12, 2, 2], new Uint8Array(48 * 4));
    members['test_labels.npy'] = npy(
      '|i1',
      [12],
      Uint8Array.from(split.labels, (label, i) => (i === 3 ? 255 : label)),
    );
    await put('rows.npz', zip(members, 'deflated'));
    const { faults, splits, ok } = await checkDataset(join(root, 'rows.npz'));
    expect(ok).toBe(false);
    expect(faults.map((fault) => `${fault.kind} ${fault.where.slice(root.length + 1)}`)).toEqual([
      'wrong-dtype rows.npz val_images',
      'label-out-of-range rows.npz train_labels[6]',
      'label-out-of-range rows.npz train_labels[10]',
      'label-out-of-range rows.npz test_labels[3]',
      'label-out-of-range rows.npz test_labels[6]',
      'label-out-of-range rows.npz test_labels[10]',
    ]);
    expect(splits.train).toEqual({ images: 12, perClass: [4, 3, 3] });
    expect(splits.val.images).toBe(0);
  });

  it('reports what cannot be opened at all', async () => {
    await put('cut.npz', zip({ 'a.npy': noise(100) }, 'stored').subarray(0, 90));
    await put('data.csv', Buffer.from('a,b'));
    const kinds = async (path: string) => (await checkDataset(join(root, path))).faults.map((f) => f.kind);
    expect(await kinds('cut.npz')).toEqual(['truncated']);
    expect(await kinds('data.csv')).toEqual(['unknown-format']);
    expect(await kinds('cut.npy')).toEqual(['not-found']);
    expect((await checkDataset(join(root, 'cut.npy'))).faults[0].message).toMatch(/did you mean cut\.npz\?/);
    const wrongKeys = { 'x_train.npy': npy('|u1', [1], noise(1)) };
    await put('keys.npz', zip(wrongKeys, 'stored'));
    expect(await kinds('keys.npz')).toEqual(['wrong-keys']);
  });

  it('finds identical and near images within and across splits, and conflicting labels', async () => {
    const smooth = (seed: number) => sharp(noise(27, seed), { raw: { width: 3, height: 3, channels: 3 } });
    const image = async (seed: number) =>
      new Uint8Array(await smooth(seed).resize(SIDE, SIDE, { kernel: 'cubic' }).raw().toBuffer());
    const brighter = (data: Uint8Array) => data.map((value) => Math.min(255, value + 2));
    await put('twice/train/a/1.png', await encode(await image(1)));
    await put('twice/train/a/2.png', await encode(await image(2)));
    await put('twice/train/a/3.png', await encode(await image(3)));
    await put('twice/train/b/1-again.png', await encode(await image(1)));
    await put('twice/train/b/4.png', await encode(await image(4)));
    await put('twice/val/a/2-again.png', await encode(await image(2)));
    await put('twice/test/a/3-brighter.png', await encode(brighter(await image(3))));
    await put('twice/val/b/x.png', await encode(await image(50)));
    await put('twice/test/b/x.png', await encode(await image(51)));
    const report = await checkDataset(join(root, 'twice'));
    expect(report.ok).toBe(true);
    expect(report.faults).toEqual([]);
    const brief = report.identical.map((group) => ({ ...group, images: group.images.map((i) => i.name) }));
    expect(brief).toEqual([
      { images: ['train/a/1.png', 'train/b/1-again.png'], acrossSplits: false, conflictingLabels: true },
      { images: ['train/a/2.png', 'val/a/2-again.png'], acrossSplits: true, conflictingLabels: false },
    ]);
    expect(report.near).toHaveLength(1);
    expect(report.near[0].images.map((i) => i.name)).toEqual(['train/a/3.png', 'test/a/3-brighter.png']);
    expect(report.near[0].acrossSplits).toBe(true);
    expect(report.near[0].difference).toBeLessThanOrEqual(2);
  });

  it('checks an open data set and leaves it open', async () => {
    const split = { images: noise(24), shape: [6, 2, 2], labels: [0, 1, 0, 1, 0, 0] };
    await put('fine.npz', zip(medmnist({ train: split, val: split, test: split }), 'stored'));
    const data = await openDataset(join(root, 'fine.npz'));
    let last = 0;
    const report = await checkDataset(data, {
      onProgress: (done) => {
        last = done;
      },
    });
    expect(last).toBe(18);
    expect(report.imbalance).toBe(2);
    expect(report.identical).toHaveLength(6);
    expect(report.identical.every((group) => group.acrossSplits && group.images.length === 3)).toBe(true);
    await data.splits.train.read(0, new Uint8Array(4));
    await data.close();
  });
});
