/** External validation: other data is tested as such only where the run has not seen its images. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, it } from 'vitest';
import { parseCsv } from '../src/csv.ts';
import { json, soma } from './cli.ts';
import { temporaryFolder } from './data-fixtures.ts';

const folder = await temporaryFolder();
const [own, other, run] = ['own', 'other', 'run'].map((name) => join(folder, name));

beforeAll(async () => {
  const sizes = ['--size', '24', '--val', '8', '--test', '16', '--no-masks'];
  await json('data', 'synth', own, '--train', '48', ...sizes, '--seed', '1');
  await json('data', 'synth', other, '--train', '16', ...sizes, '--seed', '2');
  // One lot without splits.
  renameSync(join(other, 'test'), join(folder, 'lot'));
  rmSync(other, { recursive: true });
  renameSync(join(folder, 'lot'), other);
  const args = ['train', 'cnn-stride2', '--data', own, '--size', '24', '--epochs', '1'];
  await json(...args, '--runs-dir', folder, '--name', 'run');
}, 60_000);

it('calls images that are new external, all of them where it is asked to', async () => {
  const result = await json('evaluate', run, '--data', other, '--split', 'all');
  expect(result).toMatchObject({ standing: 'external', seen: [], metrics: { images: 16 } });
  expect(existsSync(join(run, 'overlap-other.csv'))).toBe(false);
}, 60_000);

it('refuses copies of training images, lists them, and drops or keeps them when told to', async () => {
  const [monocyte] = readdirSync(join(own, 'train', 'monocyte'));
  const [platelet] = readdirSync(join(own, 'val', 'platelet'));
  copyFileSync(join(own, 'train', 'monocyte', monocyte), join(other, 'monocyte', 'planted.png'));
  // A little brighter, and under another label.
  await sharp(join(own, 'val', 'platelet', platelet))
    .linear(1, 2)
    .toFile(join(other, 'ig', 'planted-too.png'));
  mkdirSync(join(other, 'blast'));
  copyFileSync(
    join(own, 'test', 'monocyte', readdirSync(join(own, 'test', 'monocyte'))[0]),
    join(other, 'blast', 'a.png'),
  );

  const args = ['evaluate', run, '--data', other, '--split', 'all'];
  const unknown = await soma(...args);
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toMatch(/got blast \(1 images\); .*--ignore-unknown/);

  const known = [...args, '--ignore-unknown'];
  const refused = await soma(...known);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/got 2 of 18 that are copies .* --drop-overlap, .*--allow-overlap/);
  const [header, ...rows] = parseCsv(readFileSync(join(run, 'overlap-other.csv'), 'utf8'), 'overlap');
  expect(header).toEqual(['image', 'label', 'copy_of', 'copy_label', 'copy_split', 'difference']);
  expect(rows.map((cells) => cells.slice(0, 5))).toEqual([
    ['ig/planted-too.png', 'ig', `val/platelet/${platelet}`, 'platelet', 'val'],
    ['monocyte/planted.png', 'monocyte', `train/monocyte/${monocyte}`, 'monocyte', 'train'],
  ]);

  const allowed = await json(...known, '--allow-overlap');
  expect(allowed).toMatchObject({ standing: 'overlapping', metrics: { images: 18 }, leftOut: { seen: 0 } });
  const elsewhere = join(folder, 'elsewhere');
  const dropped = await json(...known, '--drop-overlap', '--out', elsewhere);
  expect(dropped).toMatchObject({ standing: 'external', leftOut: { seen: 2, unknown: 1 } });
  expect(dropped.metrics.images).toBe(16);
  const report = readFileSync(join(elsewhere, 'report.html'), 'utf8');
  expect(report).toContain('external; 2 images of other are copies of training or validation images');
  expect(report).toContain('All images of the data are tested.');
  // What was left can be opened again, with the same figures.
  const again = await json('evaluate', elsewhere);
  expect(again.metrics.accuracy).toEqual(dropped.metrics.accuracy);
}, 120_000);

it('says where other data is the run’s own', async () => {
  const result = await json('evaluate', run, '--data', own);
  expect(result.standing).toBe('own');
}, 60_000);

it('tests unchecked only where it is told to', async () => {
  renameSync(own, `${own}-away`);
  const args = ['evaluate', run, '--data', other, '--ignore-unknown'];
  const refused = await soma(...args);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/expected the data of the run, .* unchecked with --allow-overlap/);
  const result = await soma(...args, '--allow-overlap');
  expect(result.stdout).toMatch(/not external: the data of the run is gone/);
  renameSync(`${own}-away`, own);
}, 60_000);

it.each([
  [['--drop-overlap'], /expected --data beside --drop-overlap/],
  [['--split', 'all'], /expected --data beside --split all/],
  [['--data', other, '--drop-overlap', '--allow-overlap'], /got both/],
])('refuses %s', async (args, message) => {
  const { code, stderr } = await soma('evaluate', run, ...args);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});
