/** The weights of a run, ready to be evaluated: on a split as it is, or as something makes of it. */
import type { Dataset, ImageSource, Split } from '../data/dataset.ts';
import type { Program, Session } from '../engine/engine.ts';
import type { RunConfig } from './config.ts';
import { type Evaluation, evaluate, evaluationBatch } from './evaluate.ts';
import { loadNetwork, specOf, type Weights } from './open-run.ts';
import type { RunFolder } from './run-folder.ts';
import { evaluationStep } from './step.ts';

export interface EvaluatorOptions {
  readonly run: RunFolder;
  readonly config: RunConfig;
  readonly session: Session;
  readonly dataset: Dataset;
  readonly split: Split;
  readonly weights: Weights;
}

/** Evaluates the images of the split, or as many others in their place. */
export type Evaluator = (images?: ImageSource) => Promise<Evaluation>;

/** Compiles and loads what an evaluation needs, once for any number of them. */
export async function openEvaluator(options: EvaluatorOptions): Promise<Evaluator> {
  const { run, config, session, dataset, split, weights } = options;
  const batchSize = evaluationBatch(dataset.splits[split].length);
  const program = await loadNetwork(run, config, session, weights, batchSize);
  let last: Program | undefined;
  const remainder = (images: number) => {
    last ??= session.load(evaluationStep(specOf(config), config.settings, images).plan);
    return last;
  };
  return (images = dataset.splits[split]) => {
    const seen = { ...dataset, splits: { ...dataset.splits, [split]: images } };
    return evaluate({ session, program, remainder, dataset: seen, split, seed: config.seed });
  };
}
