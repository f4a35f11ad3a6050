/** Decisions about labels on the command line: logged, trained on, held against what they were made for, undone. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { json, soma } from './cli.ts';
import { temporaryFolder } from './data-fixtures.ts';

const folder = await temporaryFolder();
const cells = join(folder, 'cells');
const log = join(folder, 'labels.jsonl');
const train = (name: string, ...more: string[]) =>
  soma(
    ...['train', 'cnn-stride2', '--data', cells, '--size', '16', '--epochs', '1'],
    ...['--runs-dir', folder, '--name', name, ...more],
  );

beforeAll(async () => {
  const sizes = ['--train', '64', '--val', '8', '--test', '16', '--no-masks'];
  await json('data', 'synth', cells, '--size', '16', ...sizes);
}, 60_000);

it('relabels, trains through the log, refuses it when it has changed, and undoes', async () => {
  const decisions = join(folder, 'decisions.csv');
  const { identical } = await json('data', 'check', cells);
  expect(identical).toEqual([]);
  const image = (label: string) =>
    JSON.parse(readFileSync(join(folder, 'names.json'), 'utf8')).find((name: string) =>
      name.startsWith(`train/${label}/`),
    );
  const flips = await json('data', 'flip', cells, '--log', join(folder, 'flips.jsonl'), '--share', '0.9');
  expect(flips.flipped).toBe(58);
  const names = readFileSync(join(folder, 'flips.jsonl'), 'utf8')
    .split('\n')
    .flatMap((line) => (line ? [JSON.parse(line).image] : []));
  writeFileSync(join(folder, 'names.json'), JSON.stringify(names));

  const rows = [
    `${image('platelet')},relabel,monocyte,looks so`,
    `${image('basophil')},remove,,`,
    `${image('monocyte')},keep,,`,
  ];
  writeFileSync(decisions, `image,decision,to,why\n${rows.join('\n')}\n`);
  const made = await json('data', 'relabel', cells, '--decisions', decisions, '--log', log, '--by', 'rk');
  expect(made).toMatchObject({ relabelled: 1, removed: 1 });
  expect(made.decisions[0]).toMatchObject({ by: 'rk', why: 'looks so', stored: 'platelet', to: 'monocyte' });
  const listed = await soma('data', 'relabel', cells, '--list', '--log', log);
  expect(listed.stdout).toMatch(/platelet +now monocyte +rk/);
  expect((await json('data', 'check', cells, '--labels', log)).splits.train.images).toBe(63);

  const trained = await train('run', '--labels', log);
  expect(trained.code, trained.stderr).toBe(0);
  expect(trained.stderr).toMatch(/labels +Labels were read through .*: 1 changed, 1 images left out/);
  const { data } = JSON.parse(readFileSync(join(folder, 'run', 'config.json'), 'utf8'));
  expect(data.relabelling).toMatchObject({ log, relabelled: 1, removed: 1 });
  expect(data.counts.train.reduce((a: number, b: number) => a + b)).toBe(63);
  expect(readFileSync(join(folder, 'run', 'report.html'), 'utf8')).toContain('1 images left out');

  await json('data', 'relabel', cells, '--undo', image('basophil'), '--log', log, '--why', 'was fine');
  const resumed = await soma('train', '--resume', join(folder, 'run'), '--epochs', '2');
  expect(resumed.code).toBe(1);
  expect(resumed.stderr).toMatch(/labels\.jsonl: expected the decisions that the run was trained with/);
  // It can still be evaluated, with the labels that it had.
  const asTrained = await json('evaluate', join(folder, 'run'));
  expect(asTrained.metrics.images).toBe(16);
  const tested = await json('evaluate', join(folder, 'run'), '--labels', log);
  expect(tested.metrics.images).toBe(16);
  const undone = await json('data', 'relabel', cells, '--undo', 'all', '--log', log);
  expect(undone).toMatchObject({ relabelled: 0, removed: 0, decisions: [] });
}, 120_000);

it('trains one fold, and finds its data again', async () => {
  const { code, stderr } = await train('fold', '--fold', '2/3', '--pool', 'train,test', '--seed', '1');
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/Cross-validation: the test images are part 2 of 3 of the training, test images/);
  const { metrics } = await json('evaluate', join(folder, 'fold'));
  expect(metrics.images).toBe(27);
}, 60_000);

it.each([
  [['--fold', '4/3'], /Expected a part and the number of parts/],
  [['--pool', 'train'], /expected --fold beside --pool/],
  [['--fold', '1/3', '--ratios', '80/10/10'], /expected no --ratios beside --fold/],
  [['--fold', '1/3', '--pool', 'all'], /Expected some of train,val,test/],
  [['--labels', 'none.jsonl'], /expected a log of decisions about labels/],
])('train refuses %s', async (more, message) => {
  const { code, stderr } = await train('refused', ...more);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

it('relabel wants one thing at a time', async () => {
  const { code, stderr } = await soma('data', 'relabel', cells, '--list', '--undo');
  expect(code).toBe(2);
  expect(stderr).toMatch(/one of --decisions, --undo and --list/);
});
