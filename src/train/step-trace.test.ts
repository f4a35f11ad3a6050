import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../test/data-fixtures.ts';
import { openSmear } from '../data/smear/source.ts';
import { openEngine } from '../engine/select.ts';
import { findSystem } from '../models/registry.ts';
import { configure, loadPredictor, specOf } from './open-run.ts';
import { RunFolder } from './run-folder.ts';
import { measureSteps } from './step-trace.ts';
import { train } from './train.ts';

const folder = await temporaryFolder();
const engine = openEngine();
const system = findSystem('cnn-stride2');
/** Four batches an epoch. */
const dataset = openSmear({ size: 16, images: { train: 64, val: 16, test: 8 } });

async function begin(name: string, maxSteps: number) {
  const config = configure({
    ...{ name, system: system.name, options: {}, seed: 1, source: 'smear', dataset, engine },
    settings: { ...system.training, batchSize: 16, epochs: 3, maxSteps },
  });
  const run = await RunFolder.create(join(folder, name), config);
  return { config, run };
}

async function go({ config, run }: Awaited<ReturnType<typeof begin>>, resume: boolean, until?: number) {
  const session = engine.createSession();
  const stop = new AbortController();
  let steps = 0;
  const result = await train({
    ...{ run, spec: specOf(config), settings: config.settings, seed: 1, dataset, session, resume },
    signal: stop.signal,
    onStep: ({ phase }) => {
      if (phase === 'train' && ++steps === until) stop.abort();
    },
  });
  session.close();
  return result;
}

it('ends after maxSteps in the middle of an epoch, with a line for each step', async () => {
  const whole = await begin('whole', 6);
  const result = await go(whole, false);
  expect(result.stopped).toBe('steps');
  expect(result.history).toHaveLength(1);
  const trace = await whole.run.steps();
  expect(trace.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(trace.every(({ loss, seconds }) => loss > 0 && seconds > 0)).toBe(true);

  const stopped = await begin('stopped', 6);
  expect((await go(stopped, false, 2)).stopped).toBe('interrupted');
  expect(await stopped.run.steps()).toHaveLength(2);
  expect((await go(stopped, true)).stopped).toBe('steps');
  const losses = (await stopped.run.steps()).map(({ loss }) => loss);
  expect(losses).toEqual(trace.map(({ loss }) => loss));
});

it('has no best weights where no epoch was validated, and says so', async () => {
  const { run, config } = await begin('short', 2);
  await go({ run, config }, false);
  const session = engine.createSession();
  const load = (weights: 'best' | 'last') => loadPredictor(run, config, session, weights, 1);
  await expect(load('best')).rejects.toThrow(/got a run of which no epoch was validated; .*--weights last/);
  await load('last');
  session.close();
});

it('is an ordinary training where that has fewer steps, and ends at an epoch if that is the last step', async () => {
  expect((await go(await begin('long', 100), false)).stopped).toBe('epochs');
  const even = await begin('even', 8);
  const { stopped, history } = await go(even, false);
  expect([stopped, history.length]).toEqual(['steps', 2]);
});

it('sums up first and last tenth, median time, and an epoch', async () => {
  const { config } = await begin('sums', 1);
  const trace = Array.from({ length: 20 }, (_, i) => ({
    step: i + 1,
    loss: 20 - i,
    seconds: i < 15 ? 2 : 9,
  }));
  expect(measureSteps(trace, config)).toEqual({
    ...{ steps: 20, firstLoss: 19.5, lastLoss: 1.5, secondsPerStep: 2, secondsPerEpoch: 8 },
  });
  expect(measureSteps([], config)).toBeUndefined();
});

it('counts the images that an epoch is given besides, and no batch that is dropped', async () => {
  const { config } = await begin('copies', 6);
  const trace = [1, 2].map((step) => ({ step, loss: 1, seconds: 2 }));
  const epochOf = (settings: Partial<typeof config.settings>) =>
    measureSteps(trace, { ...config, settings: { ...config.settings, ...settings } })?.secondsPerEpoch;
  expect(epochOf({})).toBe(8);
  expect(epochOf({ offlineAugment: { ...findSystem('ae-cnn').training.offlineAugment!, copies: 2 } })).toBe(
    24,
  );
  expect(epochOf({ batchSize: 48 })).toBe(4);
  expect(epochOf({ batchSize: 48, dropLast: true })).toBe(2);
});
