/** The public face as a program uses it: train, open the run again, evaluate and measure it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  concat,
  configure,
  conv,
  f32,
  findSystem,
  imageValues,
  maxPool2d,
  measure,
  Net,
  openEngine,
  openEvaluator,
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
  const of = { run, config: await run.config(), session: again, dataset };
  const evaluator = await openEvaluator({ ...of, split: 'test', weights: 'best' });
  const { predictions, loss } = await evaluator();
  again.close();
  expect(measure(predictions).images).toBe(24);
  expect(Number.isFinite(loss)).toBe(true);

  // The run says `smear`, whose default has more images: it is not the data of the run, and is refused.
  await expect(openRunData(config)).rejects.toThrow(/expected the data of the run, fingerprint/);
  await dataset.close();
  const lines = readFileSync(run.file('metrics.jsonl'), 'utf8').trim().split('\n');
  expect(lines.map((line) => JSON.parse(line).epoch)).toEqual([1, 2]);
}, 60_000);

it.each([
  [{ stride: 0 }, /conv2d\(\): expected stride as whole numbers of 1 or more, got \[0, 0\]/],
  [{ stride: 1.5 }, /expected stride as whole numbers/],
  [{ padding: 0.5 }, /expected padding as whole numbers of 0 or more/],
  [{ dilation: 0 }, /expected dilation as whole numbers/],
  [{ kernel: 0 }, /c\.weight in c: expected whole numbers above 0 as its shape, got \[4×3×0×0\]/],
  [{ filters: 0 }, /got \[0×3×3×3\]/],
])('a convolution with %j is refused where it is written', (options, message) => {
  const net = new Net({ framework: 'torch', training: false, seed: 0 });
  const x = net.graph.input('x', f32([1, 3, 8, 8]));
  expect(() => conv(net, 'c', x, { filters: 4, kernel: 3, ...options })).toThrow(message);
});

it('refuses shapes, windows and bytes that are none', () => {
  const net = new Net({ framework: 'torch', training: false, seed: 0 });
  expect(() => net.graph.input('half', f32([1.5, 3, 8, 8]))).toThrow(/half: expected whole numbers above 0/);
  const x = net.graph.input('x', f32([1, 3, 8, 8]));
  expect(() => maxPool2d(x, { kernel: 2, stride: 0 })).toThrow(/maxPool2d\(\): expected stride/);
  expect(() => concat([x, x], 7)).toThrow(/concat\(\): expected an axis from 0 to 3, got 7/);
  const shape = { height: 2, width: 2, channels: 3 } as const;
  expect(() => imageValues([new Uint8Array(16)], shape)).toThrow(
    /expected 12 bytes an image \(2×2×3\), got 16/,
  );
  expect(imageValues([new Uint8Array(12).fill(255)], shape)).toEqual(new Float32Array(12).fill(1));
  expect(() => settings({ ...findSystem('ae-cnn').training, batchSize: 0 })).toThrow(
    /settings\(\): .*batchSize/,
  );
});
