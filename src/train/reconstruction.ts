/** The task of a pre-training: to make each image again, measured by mean squared and mean absolute error. */
import type { PretrainingSettings } from '../models/settings.ts';
import { evaluateReconstruction, type ReconstructionErrors, sum } from './evaluate.ts';
import { pretrainingStep, reconstructionStep } from './reconstruction-step.ts';
import type { PretrainingRecord } from './record.ts';
import { PRETRAINING } from './run-folder.ts';
import type { NetworkSpec } from './step.ts';
import type { Task } from './task.ts';

export function reconstruction(
  spec: NetworkSpec,
  settings: PretrainingSettings,
): Task<PretrainingRecord, ReconstructionErrors> {
  return {
    stage: 'pretraining',
    files: PRETRAINING,
    settings,
    system: spec.system.name,
    trainingStep: (batchSize) => pretrainingStep(spec, settings, batchSize),
    evaluationStep: (batchSize) => reconstructionStep(spec, batchSize),
    count(sums, program) {
      sums.absolute += sum(program.read('absolute'));
    },
    validate: evaluateReconstruction,
    record: ({ epoch, train_loss, ...basics }, { absolute, images }, { loss, mae }) => ({
      epoch,
      train_loss,
      train_mae: absolute / images,
      val_loss: loss,
      val_mae: mae,
      ...basics,
    }),
    figure: ({ absolute, images }) => ({ name: 'mae', value: absolute / images }),
  };
}
