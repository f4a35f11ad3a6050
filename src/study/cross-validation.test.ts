import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { formatPredictions } from '../measure/predictions-csv.ts';
import { findSystem } from '../models/registry.ts';
import { type CrossValidation, dataOf, foldPredictions, foldRuns } from './cross-validation.ts';
import { runArguments } from './execute.ts';

const options: CrossValidation = {
  ...{ system: 'se-cnn', folds: 3, pool: ['train', 'val'], seed: 7, size: 28 },
  ...{ keepTogether: 'near-duplicates', labels: '/logs/a.jsonl', set: { epochs: 2 } },
};

it('becomes the commands that a user would write', () => {
  const runs = foldRuns(options);
  expect(runs.map(({ id }) => id)).toEqual(['fold-1-seed7', 'fold-2-seed7', 'fold-3-seed7']);
  const data = dataOf(runs, '/data/cells');
  expect(runArguments(runs[1], data, 'runs').join(' ')).toBe(
    'train se-cnn --data /data/cells --seed 7 --size 28 --split-seed 7 --keep-together near-duplicates ' +
      '--fold 2/3 --pool train,val --labels /logs/a.jsonl --set epochs=2 --runs-dir runs --name fold-2-seed7',
  );
});

it('has other keys wherever what is judged differs', () => {
  const keys = (change: Partial<CrossValidation>) =>
    foldRuns({ ...options, ...change }).map(({ key }) => key);
  const changes: Partial<CrossValidation>[] = [
    {},
    { folds: 4 },
    { pool: ['train'] },
    { labels: undefined },
    { keepTogether: undefined },
    { set: {} },
  ];
  const all = changes.flatMap(keys);
  expect(new Set(all).size).toBe(all.length);
  expect(keys({})).toEqual(keys({}));
});

it('joins what the folds say, if all have learnt the same labels', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'soma-folds-'));
  const runs = foldRuns({ ...options, folds: 2 });
  const finish = async (i: number, fingerprint: string) => {
    const at = join(folder, 'runs', runs[i].id);
    await mkdir(at, { recursive: true });
    await writeFile(join(at, 'config.json'), JSON.stringify(config(fingerprint)));
    const table = formatPredictions({
      ...{ classes: ['x', 'y'], names: [`image ${i}`], labels: Int32Array.of(i) },
      scores: Float64Array.of(0.25, 0.75),
    });
    await writeFile(join(at, 'predictions-test.csv'), table);
  };
  await finish(0, 'a');
  await finish(1, 'a');
  const { predictions } = await foldPredictions(runs, folder);
  expect(predictions.names).toEqual(['image 0', 'image 1']);
  expect([...predictions.labels]).toEqual([0, 1]);
  await finish(1, 'b');
  await expect(foldPredictions(runs, folder)).rejects.toThrow(
    /got others in fold-2-seed7; the log has changed/,
  );
});

/** As little of a configuration as is read. */
function config(fingerprint: string) {
  const counts = { train: [1, 1], val: [0, 0], test: [1, 0] };
  const relabelling = { log: 'a.jsonl', lines: 1, fingerprint, stored: 'd', relabelled: 1, removed: 0 };
  const data = { source: 'd', name: 'd', height: 28, width: 28, channels: 3, classes: ['x', 'y'] };
  const environment = { soma: '0', node: '0', cpu: '', cores: 1, threads: 1, engine: 'native', isa: '' };
  return {
    ...{ name: 'fold', created: '', system: 'se-cnn', options: {}, seed: 7, parameters: 1, environment },
    settings: findSystem('se-cnn').training,
    data: { ...data, fingerprint: 'f', counts, relabelling },
  };
}
