/**
 * A training: the stage that all systems have, behind a pre-training where the system has one and the settings want it.
 * Both go through the same loop, and a run that is killed anywhere in either goes on to the same bits.
 */
import { EXIT, mismatch, SomaError } from '../errors.ts';
import type { Variable } from '../graph/value.ts';
import type { TrainingSettings } from '../models/settings.ts';
import type { Cursor } from './checkpoint.ts';
import { classification } from './classification.ts';
import { handOn, weightsTarget } from './handed-on.ts';
import { type LoopOptions, runStage, type StageResult } from './loop.ts';
import { reconstruction } from './reconstruction.ts';
import type { EpochRecord, PretrainingRecord } from './record.ts';
import { TRAINING } from './run-folder.ts';
import type { NetworkSpec } from './step.ts';
import { type LoadedWeights, loadWeights, type WeightsFile } from './weights.ts';

export interface TrainOptions extends LoopOptions {
  readonly spec: NetworkSpec;
  readonly settings: TrainingSettings;
  /** Weights to start from; left out: they are drawn from the seed, or come from the pre-training. */
  readonly weights?: WeightsFile;
  /** Stops after so many epochs, with a checkpoint to go on from; a pre-training is not counted. */
  readonly pauseAfter?: number;
  readonly onWeights?: (loaded: LoadedWeights) => void;
  readonly onPretrainingEpoch?: (record: PretrainingRecord, cursor: Cursor) => void;
  readonly onEpoch?: (record: EpochRecord, cursor: Cursor) => void;
}

export interface TrainResult extends StageResult<EpochRecord> {
  /** Epochs of the pre-training, where there was one. */
  readonly pretraining?: readonly PretrainingRecord[];
}

/** Trains to the end, or until the signal; throws where settings do not fit the system or the data. */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { run, resume, spec, settings, session, weights } = options;
  const { pretraining } = settings;
  if (pretraining && weights) {
    const { message } = mismatch('train()', 'a pre-training or weights from a file', 'both');
    throw new SomaError(message, EXIT.usage);
  }
  if (pretraining && !(resume && run.hasStage(TRAINING))) {
    const task = reconstruction(spec, pretraining);
    const { stopped } = await runStage({
      ...options,
      task,
      pauseAfter: undefined,
      onEpoch: options.onPretrainingEpoch,
    });
    if (stopped === 'interrupted')
      return { stopped, history: [], bestEpoch: 0, pretraining: await run.pretrainingHistory() };
  }
  const result = await runStage({
    ...options,
    maxSteps: settings.maxSteps,
    task: classification(spec, settings, options.dataset.classes),
    prepare: async (network) => {
      if (weights) readWeights(options, weights, network);
      else if (pretraining) await handOn(run, spec, pretraining, session, network);
    },
  });
  return pretraining ? { ...result, pretraining: await run.pretrainingHistory() } : result;
}

function readWeights(
  { spec, session, onWeights }: TrainOptions,
  weights: WeightsFile,
  network: readonly Variable[],
): void {
  const loaded = loadWeights(weights, weightsTarget(spec, network), session);
  onWeights?.(loaded);
}
