/** `soma report` makes from the folder what the training made, to the byte; what was measured since is in other tests. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { json, soma } from './cli.ts';
import { temporaryFolder } from './data-fixtures.ts';

const folder = await temporaryFolder();
const at = (...parts: string[]) => join(folder, ...parts);

it('the report of a run with a pre-training is made again, pictures and all', async () => {
  const counts = ['--train', '32', '--val', '16', '--test', '16'];
  await json('data', 'synth', at('smear'), '--size', '16', ...counts);
  const small = ['--epochs', '1', '--batch-size', '16', '--set', 'pretraining.epochs=1'];
  const { code, stderr } = await soma(
    ...['train', 'autoclassifier', '--data', at('smear'), '--size', '32', ...small],
    ...['--set', 'pretraining.batchSize=16', '--runs-dir', at('runs'), '--name', 'run'],
  );
  expect(code, stderr).toBe(0);
  const report = at('runs', 'run', 'report.html');
  const before = readFileSync(report, 'utf8');
  expect(before).toContain('<figure id="reconstructions">');
  expect(before).toContain('Errors worth a look');
  const [{ report: again, measured }] = await json('report', at('runs', 'run'));
  expect([again, measured]).toEqual([report, []]);
  expect(readFileSync(report, 'utf8') === before).toBe(true);
});

it('an ensemble has nothing that could have been measured since', async () => {
  mkdirSync(at('runs', 'both'), { recursive: true });
  writeFileSync(at('runs', 'both', 'ensemble.json'), '{}');
  const { code, stderr } = await soma('report', at('runs', 'both'));
  expect([code, stderr]).toEqual([2, expect.stringContaining('expected a run, got an ensemble')]);
});
