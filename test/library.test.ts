/** The public face as a program uses it: train, open the run again, evaluate and measure it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  configure,
  evaluate,
  evaluationBatch,
  findSystem,
  loadNetwork,
  measure,
  openEngine,
  openRunData,
  openSmear,
  RunFolder,
  settings,
  specOf,
  train,
} from '../src/index.ts';
import { temporaryFolder } from './data-fixtures.ts';

const folder = await temporaryFolder();

it('trains and evaluates without the command line', async () => {
  const dataset = openSmear({ size: 16, images: { train: 64, val: 16, test: 24 } });
  const engine = openEngine();
  const system = findSystem('ae-cnn');
  const config = configure({
    name: 'library',
    system: system.name,
    options: { dropout: 0.1 },
    settings: settings({ ...system.training, epochs: 2, offlineAugment: null }),
    seed: 3,
    source: 'smear',
    dataset,
    engine,
  });
  const run = await RunFolder.create(join(folder, 'library'), config);
  const session = engine.createSession();
  const epochs: number[] = [];
  const result = await train({
    run,
    spec: specOf(config),
    settings: config.settings,
    seed: config.seed,
    dataset,
    session,
    resume: false,
    checkpointEvery: 30,
    onEpoch: ({ epoch }) => epochs.push(epoch),
  });
  session.close();
  expect(result.stopped).toBe('epochs');
  expect(epochs).toEqual([1, 2]);
  expect(result.history.every(({ images_per_second = 0 }) => images_per_second > 0)).toBe(true);
  expect(
    result.history.every(({ data_seconds = -1, seconds }) => data_seconds >= 0 && data_seconds < seconds),
  ).toBe(true);

  const again = engine.createSession();
  const batchSize = evaluationBatch(dataset.splits.test.length);
  const program = await loadNetwork(run, await run.config(), again, 'best', batchSize);
  const { predictions, loss } = await evaluate({
    session: again,
    program,
    dataset,
    split: 'test',
    seed: config.seed,
  });
  again.close();
  expect(measure(predictions).images).toBe(24);
  expect(Number.isFinite(loss)).toBe(true);

  // The run says `smear`, whose default has more images: it is not the data of the run, and is refused.
  await expect(openRunData(config)).rejects.toThrow(/expected the data of the run, fingerprint/);
  await dataset.close();
  const lines = readFileSync(run.file('metrics.jsonl'), 'utf8').trim().split('\n');
  expect(lines.map((line) => JSON.parse(line).epoch)).toEqual([1, 2]);
}, 60_000);
