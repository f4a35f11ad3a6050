/** Splits of a folder that has none: drawn as asked, written down, drawn again the same way, told in the report. */
import { cpSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { soma } from './cli.ts';
import { temporaryFolder } from './data-fixtures.ts';

const folder = await temporaryFolder();
const cells = join(folder, 'cells');

beforeAll(async () => {
  const sizes = ['--train', '80', '--val', '8', '--test', '8', '--no-masks'];
  await soma('data', 'synth', join(folder, 'smear'), '--size', '16', ...sizes);
  cpSync(join(folder, 'smear'), join(folder, 'stored'), { recursive: true });
  renameSync(join(folder, 'smear', 'train'), cells);
  cpSync(join(cells, 'platelet'), join(cells, 'platelet-copies'), { recursive: true });
  cpSync(join(cells, 'platelet-copies'), join(cells, 'copies'), { recursive: true });
}, 60_000);

it('keeps nearly identical images together, and says so', async () => {
  const { code, stderr } = await soma(
    ...['train', 'cnn-stride2', '--data', cells, '--size', '16', '--epochs', '1', '--seed', '3'],
    ...['--channels', '1', '--ratios', '60/20/20', '--split-seed', '7', '--keep-together', 'near-duplicates'],
    ...['--runs-dir', folder, '--name', 'run'],
  );
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/splits +The validation and test images were drawn with seed 7, 60 : 20 : 20/);
  const { seed, data } = JSON.parse(readFileSync(join(folder, 'run', 'config.json'), 'utf8'));
  expect(seed).toBe(3);
  expect(data.channels).toBe(1);
  expect(data.splitting).toMatchObject({
    ...{ drawn: ['val', 'test'], seed: 7, keepTogether: 'near-duplicates' },
    ratios: { train: 60, val: 20, test: 20 },
  });
  // Each platelet lies there three times.
  expect(data.splitting.groups).toBeGreaterThanOrEqual(10);
  const report = readFileSync(join(folder, 'run', 'report.html'), 'utf8');
  expect(report).toContain('nearly identical images stay on one side');

  // The data of the run, with its fingerprint, is found again; other seeds have the same images on test.
  const again = await soma('evaluate', join(folder, 'run'), '--json');
  expect(again.code, again.stderr).toBe(0);
}, 60_000);

it('draws stored splits anew where it is told to, and says what does nothing where it is not', async () => {
  const train = ['train', 'cnn-stride2', '--data', join(folder, 'stored'), '--size', '16', '--epochs', '1'];
  const ratios = ['--ratios', '50/25/25', '--split-seed', '3', '--runs-dir', folder];
  const stored = await soma(...train, ...ratios, '--name', 'as-stored');
  expect(stored.stderr).toContain(
    'warning: all splits are stored, so --ratios and --split-seed did nothing; --resplit draws them anew',
  );
  const { code, stderr } = await soma(...train, ...ratios, '--resplit', '--name', 'anew');
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(
    /splits +The training, validation and test images were drawn with seed 3, 50 : 25 : 25/,
  );
  const [before, after] = ['as-stored', 'anew'].map(
    (name) => JSON.parse(readFileSync(join(folder, name, 'config.json'), 'utf8')).data,
  );
  const sum = (counts: number[]) => counts.reduce((a, b) => a + b, 0);
  expect(Object.values<number[]>(before.counts).map(sum)).toEqual([80, 8, 8]);
  // A quarter of each class, as whole images.
  expect(Object.values<number[]>(after.counts).map(sum)).toEqual([48, 24, 24]);
  expect(after.fingerprint).not.toBe(before.fingerprint);
  const again = await soma('evaluate', join(folder, 'anew'), '--json');
  expect(again.code, again.stderr).toBe(0);
}, 60_000);

it.each([
  [['--ratios', '80/20'], /three shares as in 80\/10\/10/],
  [['--ratios', '0/50/50'], /the first above 0/],
  [['--resplit', '--fold', '1/5'], /expected no --resplit beside --fold/],
  [['--channels', '2'], /Expected 1 or 3/],
  [['--keep-together', 'patients'], /Allowed choices are near-duplicates/],
])('refuses %s', async (more, message) => {
  const { code, stderr } = await soma('train', 'cnn-stride2', '--data', cells, ...more);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});
