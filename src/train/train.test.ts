/** Two stages of training: what the second takes over from the first, and what it does not. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/data-fixtures.ts';
import { openSmear } from '../data/smear/source.ts';
import { openEngine } from '../engine/select.ts';
import { findSystem } from '../models/registry.ts';
import { defineSystem } from '../models/system.ts';
import { saveCheckpoint, startCursor } from './checkpoint.ts';
import { handedOn, handOn } from './handed-on.ts';
import { configure, specOf } from './open-run.ts';
import { reconstructionStep } from './reconstruction-step.ts';
import { PRETRAINING, RunFolder, TRAINING } from './run-folder.ts';
import { readSafetensors } from './safetensors.ts';
import { evaluationStep, type NetworkSpec } from './step.ts';
import { train } from './train.ts';
import { openWeights, type WeightsFile } from './weights.ts';

const folder = await temporaryFolder();
const dataset = openSmear({ size: 16, images: { train: 40, val: 8, test: 8 } });
afterAll(() => dataset.close());
const engine = openEngine();
const system = findSystem('autoclassifier');
const shape = { height: 16, width: 16, channels: 3, classes: 8, seed: 1 };
const spec: NetworkSpec = { system, options: {}, ...shape };

async function run(name: string, weights?: WeightsFile) {
  const { training } = system;
  const first = training.pretraining && { ...training.pretraining, epochs: 2, batchSize: 16 };
  const settings = { ...training, epochs: 1, batchSize: 16, pretraining: first };
  const options = { freeze: false };
  const config = configure({
    ...{ name, system: system.name, options, settings, seed: 1, source: 'smear' },
    ...{ dataset, engine, weights },
  });
  const folderOfRun = await RunFolder.create(join(folder, name), config);
  const session = engine.createSession();
  const losses: number[] = [];
  const result = await train({
    run: folderOfRun,
    ...{ spec: specOf(config), settings: config.settings, seed: 1, dataset, session, weights },
    resume: false,
    onPretrainingEpoch: ({ val_loss }) => losses.push(val_loss),
  });
  session.close();
  return { folderOfRun, config, result, losses };
}

describe('a training behind a pre-training', () => {
  it('is the same, to the bit, as one that begins with the weights of it', async () => {
    const both = await run('both');
    expect(both.result.pretraining?.map(({ epoch, train_mae }) => [epoch, train_mae > 0])).toEqual([
      [1, true],
      [2, true],
    ]);
    expect(both.losses).toEqual(both.result.pretraining?.map(({ val_loss }) => val_loss));
    const [first, second] = both.losses;
    expect(second).toBeLessThan(first);
    // Of 40 images an epoch has two full batches of 16.
    const { metadata } = await readSafetensors(both.folderOfRun.file(PRETRAINING.last));
    expect(JSON.parse(metadata.cursor).step).toBe(2 * 2);
    const weights = await openWeights(both.folderOfRun.file(PRETRAINING.last));
    const alone = await run('alone', weights);
    expect(alone.config.settings.pretraining).toBeNull();
    expect(alone.result.pretraining).toBeUndefined();
    const bytes = ({ folderOfRun }: typeof both) => readFileSync(folderOfRun.file(TRAINING.last));
    // Averages of the first stage's gradients would show: the encoder is trained on.
    expect(bytes(alone).equals(bytes(both))).toBe(true);
  });

  it('takes over the best epoch where it is told to, and nothing but what both networks have', async () => {
    const target = new RunFolder(folder);
    const write = async (file: string, value: number) => {
      const session = engine.createSession();
      const { plan } = reconstructionStep(spec, 1);
      session.load(plan);
      for (const { name } of plan.variables)
        session.writeVariable(name, session.readVariable(name).fill(value));
      const checkpoint = { session, variables: plan.variables, system: system.name };
      await saveCheckpoint(target.file(file), checkpoint, startCursor());
      session.close();
    };
    await write(PRETRAINING.best, 2);
    await write(PRETRAINING.last, 3);
    for (const [evaluate, value] of [['best', 2] as const, ['last', 3] as const]) {
      const session = engine.createSession();
      const { plan, net } = evaluationStep(spec, system.training, 1);
      session.load(plan);
      const before = session.readVariable('fc.weight');
      if (!system.training.pretraining) throw new Error('no pre-training');
      await handOn(target, spec, { ...system.training.pretraining, evaluate }, session, net.variables);
      expect(session.readVariable('encoder.bn4.running_var').every((x) => x === value)).toBe(true);
      expect(session.readVariable('fc.weight')).toEqual(before);
      session.close();
    }
  });

  it('refuses networks that have nothing in common', () => {
    const renamed = defineSystem({
      ...system,
      build: (net, problem, options) => net.layer('other', () => system.build(net, problem, options)),
    });
    const { net } = evaluationStep({ ...spec, system: renamed }, system.training, 1);
    expect(() => handedOn({ ...spec, system: renamed }, net.variables)).toThrow(
      /expected layers that both networks have, got none of encoder\.conv1\.weight/,
    );
  });
});
