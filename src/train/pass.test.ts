/** States of one pass over data: what of them a checkpoint keeps, and that no prediction begins with another's. */
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, expect, it } from 'vitest';
import { soma } from '../../test/cli.ts';
import { temporaryFolder } from '../../test/data-fixtures.ts';
import { readImage } from '../data/dataset.ts';
import { rawShape } from '../data/image.ts';
import { openSmear } from '../data/smear/source.ts';
import { openEngine } from '../engine/select.ts';
import { findSystem } from '../models/registry.ts';
import { configure, loadPredictor, specOf } from './open-run.ts';
import { RunFolder, TRAINING } from './run-folder.ts';
import { readSafetensors } from './safetensors.ts';
import { train } from './train.ts';

const folder = await temporaryFolder();
const dataset = openSmear({ size: 16, images: { train: 24, val: 8, test: 8 } });
afterAll(() => dataset.close());
const engine = openEngine();
const system = findSystem('biasnn');

/** An epoch of a small BIASNN whose evaluation adapts anew, or keeps what training ended with. */
async function trained(evaluation: 'running' | 'frozen') {
  const settings = { ...system.training, epochs: 1, batchSize: 8, lr: 0.01 };
  const options = { T: 2, width: 8, reduction: 4, normalization: 'none', evaluation };
  const config = configure({
    ...{ name: evaluation, system: system.name, options, settings, seed: 1, source: 'smear' },
    ...{ dataset, engine },
  });
  const run = await RunFolder.create(join(folder, evaluation), config);
  const session = engine.createSession();
  const spec = specOf(config);
  await train({ run, spec, settings, seed: 1, dataset, session, resume: false });
  session.close();
  return { run, config };
}

/** An image of the smear, as a file. */
async function imageFile(): Promise<string> {
  const { data, ...shape } = await readImage(dataset.splits.test, dataset, 0);
  const path = join(folder, 'cell.png');
  await sharp(data, { raw: rawShape(shape) }).toFile(path);
  return path;
}

const running = await trained('running');
const frozen = await trained('frozen');

it('keeps the adaptation of training in checkpoints, however validation goes', async () => {
  for (const file of [TRAINING.best, TRAINING.last]) {
    const [a, b] = await Promise.all([running, frozen].map(({ run }) => readSafetensors(run.file(file))));
    const names = [...b.tensors.keys()].filter((name) => name.endsWith('adaptation'));
    expect(names).toHaveLength(3);
    for (const name of names) {
      expect(b.tensors.get(name)?.data.some((value) => value > 0)).toBe(true);
      expect(a.tensors.get(name)).toEqual(b.tensors.get(name));
    }
  }
});

it('begins without adaptation where that is to run, and with that of training where it is frozen', async () => {
  const adaptations = async ({ run, config }: typeof running) => {
    const session = engine.createSession();
    await loadPredictor(run, config, session, 'last', 1);
    const values = session.variableNames
      .filter((name) => name.endsWith('adaptation'))
      .map((name) => Math.max(...session.readVariable(name)));
    session.close();
    return values;
  };
  expect(await adaptations(running)).toEqual([0, 0, 0]);
  for (const value of await adaptations(frozen)) expect(value).toBeGreaterThan(0);
});

it('predicts an image alike, whatever was predicted before it', async () => {
  const image = await imageFile();
  const once = await soma('predict', running.run.path, image, '--json');
  const often = await soma('predict', running.run.path, image, image, image, '--json');
  const [first] = JSON.parse(once.stdout);
  expect(first.predicted).toBeTypeOf('string');
  expect(JSON.parse(often.stdout)).toEqual([first, first, first]);
});
