/** A run folder whose weights are the initial ones: for what looks into runs and does not mind what they learnt. */
import { join } from 'node:path';
import type { Dataset } from '../src/data/dataset.ts';
import { openEngine } from '../src/engine/select.ts';
import { findSystem } from '../src/models/registry.ts';
import { saveCheckpoint, startCursor } from '../src/train/checkpoint.ts';
import type { EvaluatorOptions } from '../src/train/evaluator.ts';
import { configure, specOf } from '../src/train/open-run.ts';
import { RunFolder, TRAINING } from '../src/train/run-folder.ts';
import { evaluationStep } from '../src/train/step.ts';

/** The test split of `dataset` for it; its session is the caller's to close. */
export async function untrainedRun(
  folder: string,
  dataset: Dataset,
  system: string,
  options: Readonly<Record<string, unknown>>,
): Promise<EvaluatorOptions> {
  const engine = openEngine();
  const settings = findSystem(system).training;
  const name = [system, ...Object.entries(options).flat()].join('-');
  const request = { name, system, options, settings, seed: 2, source: 'smear', dataset, engine };
  const config = configure(request);
  const run = await RunFolder.create(join(folder, name), config);
  const session = engine.createSession();
  const { plan } = evaluationStep(specOf(config), settings, 1);
  session.load(plan);
  const target = { session, variables: plan.variables, system };
  await saveCheckpoint(run.file(TRAINING.last), target, startCursor());
  return { run, config, session, dataset, split: 'test', weights: 'last' };
}
