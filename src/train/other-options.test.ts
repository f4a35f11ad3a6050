/** Options of a trained network that are changed for an evaluation: they count, or are refused. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../test/data-fixtures.ts';
import { openSmear } from '../data/smear/source.ts';
import { openEngine } from '../engine/select.ts';
import { findSystem } from '../models/registry.ts';
import { saveCheckpoint, startCursor } from './checkpoint.ts';
import { configure, loadNetwork, specOf } from './open-run.ts';
import { refuseLearnt } from './other-options.ts';
import { RunFolder, TRAINING } from './run-folder.ts';
import { trainingStep } from './step.ts';

const folder = await temporaryFolder();
const dataset = openSmear({ size: 16, images: { train: 16, val: 8, test: 8 } });
const engine = openEngine();

function configOf(system: string, options: Record<string, unknown>) {
  const settings = findSystem(system).training;
  return configure({ name: 'x', system, options, settings, seed: 1, source: 'smear', dataset, engine });
}

const SMALL = { width: 8, T: 2 };

it('evaluates neurons with the threshold that is asked for, on the weights that were learnt', async () => {
  const trained = configOf('ms-resnet18', SMALL);
  const run = await RunFolder.create(join(folder, 'run'), trained);
  const learning = engine.createSession();
  const { plan } = trainingStep(specOf(trained), trained.settings, 4, null);
  learning.load(plan);
  learning.writeVariable('fc.bias', learning.readVariable('fc.bias').fill(3));
  const target = { session: learning, variables: plan.variables, system: trained.system };
  await saveCheckpoint(run.file(TRAINING.last), target, startCursor());
  const other = configOf('ms-resnet18', { ...SMALL, threshold: 0.25 });
  refuseLearnt(trained, other);
  const session = engine.createSession();
  await loadNetwork(run, other, session, 'last', 1);
  expect(session.readVariable('block1.lif1.threshold')).toEqual(Float32Array.of(0.25));
  expect(session.readVariable('fc.bias')).toEqual(new Float32Array(8).fill(3));
});

it.each([
  ['scnn', {}, { threshold: 0.5 }, 'lif1.threshold'],
  ['scnn', {}, { learnBeta: false }, 'lif1.beta'],
  ['ms-resnet18', SMALL, { ...SMALL, gamma: 'one' }, 'bn1.weight'],
])('refuses for %s %j what training has changed since, %j', (system, before, after, name) => {
  expect(() => refuseLearnt(configOf(system, before), configOf(system, after))).toThrow(
    `expected an option of what was not learnt, got one for ${name}`,
  );
});

it.each([
  ['scnn', {}, { T: 5 }],
  ['ae-cnn', {}, { attention: false }],
  ['neurallnet', {}, { attention: 'none', beta: 0.8 }],
])('lets %s %j be evaluated with %j', (system, before, after) => {
  refuseLearnt(configOf(system, before), configOf(system, after));
});
