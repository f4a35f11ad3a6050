/** `soma review` on the command line: by cross-validation, which goes on where it was stopped, and by finished runs. */
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { parseCsv } from '../src/csv.ts';
import { json, soma } from './cli.ts';
import { temporaryFolder } from './data-fixtures.ts';

const folder = await temporaryFolder();
const cells = join(folder, 'cells');
const out = join(folder, 'review');
const review = [
  ...['review', 'cnn-stride2', '--data', cells, '--size', '16', '--folds', '2', '--epochs', '1'],
  ...['--keep-together', 'near-duplicates', '--out', out],
];

beforeAll(async () => {
  const sizes = ['--train', '48', '--val', '8', '--test', '8', '--no-masks'];
  await json('data', 'synth', cells, '--size', '16', ...sizes);
  const [file] = readdirSync(join(cells, 'train', 'monocyte'));
  // The same picture under two labels.
  copyFileSync(join(cells, 'train', 'monocyte', file), join(cells, 'train', 'platelet', 'copy.png'));
}, 60_000);

it('judges every image once, finds the conflict, and goes back in as decisions', async () => {
  const result = await json(...review);
  expect(result).toMatchObject({ images: 65, scored: 65, counts: { conflict: 2, duplicate: 2 } });
  expect(result.method.text).toMatch(/each of 2 parts of the train, val, test images/);
  const conflict = result.worthALook.find(({ image }: { image: string }) => image.endsWith('copy.png'));
  expect(conflict).toMatchObject({ image: 'train/platelet/copy.png', label: 'platelet', group: 0 });
  expect(conflict.scores.probabilities).toHaveLength(8);

  const [header, ...rows] = parseCsv(readFileSync(join(out, 'review.csv'), 'utf8'), 'review.csv');
  expect(rows).toHaveLength(65);
  expect(new Set(rows.map(([image]) => image)).size).toBe(65);
  const decided = rows.map((cells_) => cells_.slice());
  const row = decided.find(([image]) => image === 'train/platelet/copy.png') ?? [];
  row[header.indexOf('decision')] = 'remove';
  const decisions = join(folder, 'decisions.csv');
  writeFileSync(decisions, [header, ...decided].map((line) => line.join(',')).join('\n'));
  const log = join(folder, 'log.jsonl');
  const made = await json('data', 'relabel', cells, '--decisions', decisions, '--log', log);
  expect(made).toMatchObject({ relabelled: 0, removed: 1 });

  // Nothing is trained again.
  const weights = join(out, 'runs', 'fold-1-seed0', 'last.safetensors');
  const before = statSync(weights).mtimeMs;
  expect((await json(...review)).counts).toEqual(result.counts);
  expect(statSync(weights).mtimeMs).toBe(before);

  const fewer = join(folder, 'fewer');
  cpSync(cells, fewer, { recursive: true });
  rmSync(join(fewer, 'train', 'platelet', 'copy.png'));
  const other = await soma(...review.map((word) => (word === cells ? fewer : word)));
  expect(other.code).toBe(1);
  expect(other.stderr).toMatch(/with the images and labels of .*cells, fingerprint .*choose another --out/);

  // Labels have changed: those folds say nothing about them.
  const { code, stderr } = await soma(...review, '--labels', log);
  expect(code).toBe(1);
  expect(stderr).toMatch(/with other settings; choose another --out/);
  appendFileSync(log, '{"torn');
  expect((await soma('data', 'relabel', cells, '--list', '--log', log)).stderr).toMatch(/edited or cut off/);
}, 240_000);

it('takes what finished runs have held out, and nothing else', async () => {
  const run = join(out, 'runs', 'fold-2-seed0');
  const result = await json('review', run);
  expect(result.scored).toBeLessThan(40);
  expect(result.method.text).toMatch(/Training images were not judged/);
  expect(readdirSync(join(run, 'review')).sort()).toEqual([
    'predictions.csv',
    'review.csv',
    'review.html',
    'review.json',
  ]);
  const gallery = readFileSync(join(run, 'review', 'review.html'), 'utf8');
  expect(gallery).toMatch(/soma data relabel \S*cells --decisions decisions\.csv/);
  const refused = await soma('review', run, '--folds', '3');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/no options of a training beside runs, got folds/);
}, 120_000);

it.each([
  [['cnn-stride2'], /expected --data beside a system/],
  [['cnn-stride3', '--data', cells], /cnn-stride2/],
  [['cnn-stride2', '--data', cells, '--folds', '1'], /--folds of 2 or more/],
  [['cnn-stride2', 'se-cnn'], /expected one system, or run folders/],
])('refuses %s', async (args, message) => {
  const { code, stderr } = await soma('review', ...args);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});
