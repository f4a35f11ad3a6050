/**
 * Every system once on real images, from the first step to the figures: one epoch, validation, test, all of it finite.
 * Needs the folder SOMA_DATA with blood-28.npz. A few cells of each class, at a size that the network still takes.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Dataset, type ImageSource, SPLITS, type Split } from '../src/data/dataset.ts';
import { openDataset } from '../src/data/open.ts';
import { openEngine } from '../src/engine/select.ts';
import { measure } from '../src/measure/metrics.ts';
import { findSystem, SYSTEMS } from '../src/models/registry.ts';
import { openEvaluator } from '../src/train/evaluator.ts';
import { configure, specOf } from '../src/train/open-run.ts';
import { RunFolder } from '../src/train/run-folder.ts';
import { train } from '../src/train/train.ts';
import { temporaryFolder } from './data-fixtures.ts';

const file = join(process.env.SOMA_DATA ?? '', 'blood-28.npz');
const real = process.env.SOMA_DATA && existsSync(file) ? describe : describe.skip;
const folder = await temporaryFolder();

const IMAGES_A_CLASS: Readonly<Record<Split, number>> = { train: 4, val: 1, test: 2 };
const BATCH = 16;

/** Networks whose dense layers grow with the image, to 269 million parameters at 64 px, see small ones; VGG-18 pools six times. */
function sizeOf(name: string): number {
  if (name === 'vgg18') return 64;
  return /^cnn($|-)/.test(name) ? 8 : 32;
}

/** Options that make the largest networks small. */
function optionsOf(name: string): Record<string, unknown> {
  if (['vgg16', 'resnet50', 'xception'].includes(name)) return { width: 0.25 };
  if (['ms-resnet18', 'biasnn', 'lasnn'].includes(name)) return { width: 16 };
  return {};
}

/** The first images of each class. */
function few(dataset: Dataset): Dataset {
  const pick = (split: Split): ImageSource => {
    const source = dataset.splits[split];
    const taken = dataset.classes.map(() => 0);
    const indices = [...source.labels.keys()].filter(
      (i) => taken[source.labels[i]]++ < IMAGES_A_CLASS[split],
    );
    return {
      length: indices.length,
      labels: Int32Array.from(indices, (i) => source.labels[i]),
      name: (i) => source.name(indices[i]),
      read: (i, target) => source.read(indices[i], target),
    };
  };
  const [trainSplit, val, test] = SPLITS.map(pick);
  return { ...dataset, splits: { train: trainSplit, val, test }, close: () => dataset.close() };
}

real('one epoch on blood-28 (skipped without SOMA_DATA)', () => {
  const engine = openEngine();

  it.each(Object.keys(SYSTEMS))('%s', async (name) => {
    const system = findSystem(name);
    const dataset = few(await openDataset(file, { size: sizeOf(name) }));
    const options = optionsOf(name);
    const short = { epochs: 1, batchSize: BATCH };
    const first = system.training.pretraining;
    const settings = { ...system.training, ...short, pretraining: first && { ...first, ...short } };
    const config = configure({
      ...{ name, system: name, options, settings, seed: 1, source: file, dataset, engine },
    });
    const run = await RunFolder.create(join(folder, name), config);
    const session = engine.createSession();
    const spec = specOf(config);
    const result = await train({
      ...{ run, spec, settings, seed: 1, dataset, session, resume: false, checkpointEvery: 600 },
    });
    session.close();
    expect(result.stopped).toBe('epochs');
    const [{ train_loss, val_loss, val_accuracy }] = result.history;
    for (const figure of [train_loss, val_loss, val_accuracy]) expect(figure).toSatisfy(Number.isFinite);

    const again = engine.createSession();
    const of = { run, config, session: again, dataset, split: 'test', weights: settings.evaluate } as const;
    const { predictions, loss, rates } = await (await openEvaluator(of))();
    again.close();
    await dataset.close();
    await rm(run.path, { recursive: true });
    const metrics = measure(predictions);
    expect(metrics.images).toBe(16);
    expect(loss).toSatisfy(Number.isFinite);
    // The images reach the answer: it is not the same for all. Of two steps a spiking network may still be silent at its end.
    const { scores, classes } = predictions;
    const differs = scores.some((score, i) => score !== scores[i % classes.length]);
    const layers = Object.values(rates);
    expect(layers.every((rate) => rate >= 0 && rate <= 1)).toBe(true);
    expect(layers.length > 0 ? layers.some((rate) => rate > 0) : differs).toBe(true);
  });
});
