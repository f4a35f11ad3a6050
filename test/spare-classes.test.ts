/** Paper (d)'s figures for CIFAR-100: heads of 100 outputs on ten classes. Here 12 on the eight of the smear. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { json, soma } from './cli.ts';
import { temporaryFolder } from './data-fixtures.ts';

const folder = await temporaryFolder();

it('trains and tests a head with outputs that no image has', async () => {
  const data = join(folder, 'cells');
  const images = ['--train', '48', '--val', '8', '--test', '16', '--size', '24', '--no-masks'];
  await json('data', 'synth', data, ...images);
  const train = ['train', 'vision-cnn', '--data', data, '--size', '32', '--epochs', '1'];
  const { run, test } = await json(...train, '--outputs', '12', '--runs-dir', folder, '--name', 'wide');
  expect(test.images).toBe(16);
  expect(test.perClass).toHaveLength(12);
  // Means are of the classes that are there.
  expect(test.macro.recall.value).toBeCloseTo(test.accuracy.value, 12);
  expect(Number.isFinite(test.macroAuc.value)).toBe(true);
  // Read again without the flag, the data has the classes of the run.
  expect((await json('evaluate', run)).metrics.accuracy).toEqual(test.accuracy);

  const few = await soma(...train, '--outputs', '7', '--runs-dir', folder);
  expect(few).toMatchObject({ code: 2 });
  expect(few.stderr).toContain('--outputs: expected at least the 8 classes of the data, got 7');
}, 120_000);
