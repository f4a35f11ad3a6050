/**
 * Systems on real images, one epoch each: needs the folder SOMA_DATA with blood-28.npz. The cells are enlarged to the
 * side that a paper uses, and are few, so that an epoch takes a moment.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadBatches } from '../src/data/loader.ts';
import { openDataset } from '../src/data/open.ts';
import { openEngine } from '../src/engine/select.ts';
import { findSystem } from '../src/models/registry.ts';
import { trainingStep } from '../src/train/step.ts';

const file = join(process.env.SOMA_DATA ?? '', 'blood-28.npz');
const real = process.env.SOMA_DATA && existsSync(file) ? describe : describe.skip;

/** Batches of an epoch, of the system's own size. */
const BATCHES = 16;

/** Mean loss of the first and of the last quarter of an epoch. */
async function epoch(name: string): Promise<{ first: number; last: number }> {
  const system = findSystem(name);
  const { training, size } = system;
  const data = await openDataset(file, { size });
  const { batchSize } = training;
  const options = system.options.parse({});
  const spec = {
    system,
    options,
    classes: data.classes.length,
    height: size,
    width: size,
    channels: 3,
    seed: 1,
  };
  const session = openEngine().createSession();
  const program = session.load(trainingStep(spec, training, batchSize, null).plan);
  const losses: number[] = [];
  const images = loadBatches(data.splits.train, data, { batchSize, shuffle: true, seed: 1 });
  for await (const batch of images) {
    const step = losses.length + 1;
    const { finite } = await program.run({
      images: batch.images,
      labels: batch.labels,
      lr: Float32Array.of(training.lr),
      step: Int32Array.of(step),
      rng: Int32Array.of(1, step),
    });
    expect(finite).toBe(true);
    losses.push(program.read('loss')[0]);
    if (step === BATCHES) break;
  }
  session.close();
  await data.close();
  const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
  const quarter = losses.length / 4;
  return { first: mean(losses.slice(0, quarter)), last: mean(losses.slice(-quarter)) };
}

real('blood-28 (skipped without SOMA_DATA)', () => {
  it.each(['vision-cnn', 'attention-cnn1', 'attention-cnn2', 'attention-cnn3'])(
    '%s learns in an epoch of few images',
    async (name) => {
      const { first, last } = await epoch(name);
      expect(last).toBeLessThan(0.9 * first);
    },
  );
});
