/** The task of every system: to tell the classes apart, measured by cross-entropy and accuracy. */
import { classWeights } from '../data/balance.ts';
import { classificationFigures } from '../measure/classification.ts';
import { confusionMatrix } from '../measure/confusion.ts';
import { type Predictions, predictedClasses } from '../measure/predictions.ts';
import type { TrainingSettings } from '../models/settings.ts';
import { argmax, type Evaluation, evaluate } from './evaluate.ts';
import type { EpochRecord } from './record.ts';
import { TRAINING } from './run-folder.ts';
import { type NetworkSpec, trainingStep, validationStep } from './step.ts';
import type { Task } from './task.ts';

export function classification(
  spec: NetworkSpec,
  settings: TrainingSettings,
  classes: readonly string[],
): Task<EpochRecord, Evaluation> {
  return {
    stage: 'training',
    files: TRAINING,
    settings,
    system: spec.system.name,
    trainingStep(batchSize, { labels }) {
      const weights = settings.classWeights ? classWeights(labels, classes) : null;
      return trainingStep(spec, settings, batchSize, weights);
    },
    evaluationStep: (batchSize) => validationStep(spec, settings, batchSize),
    count(sums, program, { size, labels }) {
      const probabilities = program.read('probabilities');
      const k = classes.length;
      for (let i = 0; i < size; i++)
        if (argmax(probabilities.subarray(i * k, (i + 1) * k)) === labels[i]) sums.correct++;
    },
    validate: evaluate,
    record: ({ epoch, train_loss, ...basics }, { correct, images }, { loss, accuracy, predictions }) => ({
      epoch,
      train_loss,
      train_accuracy: correct / images,
      val_loss: loss,
      val_accuracy: accuracy,
      val_macro_f1: macroF1(predictions),
      ...basics,
    }),
    figure: ({ correct, images }) => ({ name: 'accuracy', value: correct / images }),
  };
}

function macroF1(predictions: Predictions): number {
  const { labels, classes } = predictions;
  const confusion = confusionMatrix(labels, predictedClasses(predictions), classes.length);
  return classificationFigures(confusion).macro.f1;
}
