/** What validation does to a network, and what it sees of it. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from '../../test/data-fixtures.ts';
import { openSmear } from '../data/smear/source.ts';
import { openEngine } from '../engine/select.ts';
import { settings } from '../models/settings.ts';
import { defineSystem } from '../models/system.ts';
import { batchNorm, dense, dropout, globalAvgPool } from '../nn/layers.ts';
import { RunFolder } from './run-folder.ts';
import { train } from './train.ts';

const folder = await temporaryFolder();
const dataset = openSmear({ size: 16, images: { train: 16, val: 8, test: 8 } });
afterAll(() => dataset.close());

const MOMENTUM = 0.1;
const system = defineSystem({
  name: 'normed',
  title: 'Normed',
  summary: 'BatchNorm of the pixels, and their means',
  source: 'this test',
  framework: 'torch',
  size: 16,
  options: z.strictObject({}),
  training: settings({ optimizer: { kind: 'sgd' }, lr: 1e-9, batchSize: 16, epochs: 1, evaluate: 'last' }),
  build(net, { image, classes }) {
    const means = globalAvgPool(batchNorm(net, 'bn', image));
    return dense(net, 'fc', dropout(net, means, 0.5), { units: classes });
  },
});

async function trained(validationMode: 'evaluation' | 'training') {
  const session = openEngine().createSession();
  const { history } = await train({
    run: await RunFolder.create(join(folder, validationMode), {} as never),
    spec: { system, options: {}, height: 16, width: 16, channels: 3, classes: 8, seed: 1 },
    settings: { ...system.training, validationMode },
    ...{ seed: 1, dataset, session, resume: false },
  });
  const mean = [...session.readVariable('bn.running_mean')];
  session.close();
  return { mean, loss: history[0].val_loss };
}

/** Mean of each channel over a split, in [0, 1]. */
async function means(split: 'train' | 'val'): Promise<number[]> {
  const source = dataset.splits[split];
  const pixels = new Uint8Array(16 * 16 * 3);
  const sums = [0, 0, 0];
  for (let i = 0; i < source.length; i++) {
    await source.read(i, pixels);
    pixels.forEach((value, at) => {
      sums[at % 3] += value / 255;
    });
  }
  return sums.map((sum) => sum / (source.length * 16 * 16));
}

describe('validationMode', () => {
  it('leaves running statistics alone, or lets the images of validation move them', async () => {
    const [seen, held] = [await means('train'), await means('val')];
    const after = seen.map((mean) => MOMENTUM * mean);
    const [evaluation, training] = [await trained('evaluation'), await trained('training')];
    evaluation.mean.forEach((mean, c) => void expect(mean).toBeCloseTo(after[c], 5));
    training.mean.forEach(
      (mean, c) => void expect(mean).toBeCloseTo((1 - MOMENTUM) * after[c] + MOMENTUM * held[c], 5),
    );
    // By its own batch, and with half of the features: not what the running statistics of one step give.
    expect(Math.abs(training.loss - evaluation.loss)).toBeGreaterThan(1e-3);
  });
});
