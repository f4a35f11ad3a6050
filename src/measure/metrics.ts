/**
 * Everything that is measured on one set of predictions, each figure with its 95 % bootstrap interval.
 * The result is plain numbers and arrays, fit for JSON. Conventions of the single figures:
 * `classification.ts`, `roc.ts`, `log-loss.ts`.
 */
import { type BootstrapOptions, bootstrap, type Estimate } from './bootstrap.ts';
import { classificationFigures } from './classification.ts';
import { confusionMatrix, confusionRows } from './confusion.ts';
import { imageLosses } from './log-loss.ts';
import { checkPredictions, type Predictions, predictedClasses } from './predictions.ts';
import { macroAuc, rankByClass, rankedAuc } from './roc.ts';

export interface AverageEstimates {
  readonly precision: Estimate;
  readonly recall: Estimate;
  readonly f1: Estimate;
}

export interface ClassEstimates extends AverageEstimates {
  readonly name: string;
  /** Images whose true class this is. */
  readonly support: number;
  /** One-vs-rest; null where the class has no images or no other class has. */
  readonly auc: Estimate | null;
}

export interface Metrics {
  readonly images: number;
  readonly accuracy: Estimate;
  readonly macro: AverageEstimates;
  readonly weighted: AverageEstimates;
  /** Mean of the AUCs that are defined; null if none is. */
  readonly macroAuc: Estimate | null;
  /** Mean −ln p(true class), nats. */
  readonly logLoss: Estimate;
  readonly perClass: readonly ClassEstimates[];
  /** K rows (true classes) of K counts (predicted classes). */
  readonly confusion: readonly (readonly number[])[];
  /** How the intervals were made. */
  readonly bootstrap: Required<BootstrapOptions>;
}

/** Names of the figures in one resample, in the order in which they lie in the statistic's output. */
const FIGURES = ['precision', 'recall', 'f1'] as const;

/**
 * Measures predictions: all classification figures, AUC and log loss with percentile bootstrap intervals.
 * Deterministic for one seed. Throws a SomaError where the predictions are malformed.
 */
export function measure(predictions: Predictions, options: BootstrapOptions = {}): Metrics {
  checkPredictions(predictions);
  const { labels, classes } = predictions;
  const predicted = predictedClasses(predictions);
  const size = classes.length;
  const losses = imageLosses(predictions);
  const rankings = classes.map((_, k) => rankByClass(predictions, k));
  const settings = { resamples: 2000, seed: 0, ...options };

  const statistic = (weights: Int32Array, out: Float64Array): void => {
    const figures = classificationFigures(confusionMatrix(labels, predicted, size, weights));
    const aucs = rankings.map((ranking) => rankedAuc(ranking, weights));
    let loss = 0;
    for (let i = 0; i < losses.length; i++) loss += weights[i] * losses[i];
    let at = 0;
    out[at++] = figures.accuracy;
    out[at++] = loss / losses.length;
    out[at++] = macroAuc(aucs) ?? Number.NaN;
    for (const group of [figures.macro, figures.weighted, ...figures.perClass]) {
      for (const figure of FIGURES) out[at++] = group[figure];
    }
    for (const auc of aucs) out[at++] = auc ?? Number.NaN;
  };
  const length = 3 + FIGURES.length * (2 + size) + size;
  const estimates = bootstrap(labels.length, length, statistic, settings);

  const group = (index: number): AverageEstimates => {
    const at = 3 + FIGURES.length * index;
    return { precision: sure(estimates[at]), recall: sure(estimates[at + 1]), f1: sure(estimates[at + 2]) };
  };
  const confusion = confusionMatrix(labels, predicted, size);
  const { perClass } = classificationFigures(confusion);
  return {
    images: labels.length,
    accuracy: sure(estimates[0]),
    logLoss: sure(estimates[1]),
    macroAuc: estimates[2],
    macro: group(0),
    weighted: group(1),
    perClass: classes.map((name, k) => ({
      name,
      support: perClass[k].support,
      ...group(2 + k),
      auc: estimates[length - size + k],
    })),
    confusion: confusionRows(confusion),
    bootstrap: settings,
  };
}

/** Only AUCs can be undefined; the rest are numbers for every resample, by the zero-division convention. */
function sure(estimate: Estimate | null): Estimate {
  if (!estimate) throw new Error('a figure that is always defined was not');
  return estimate;
}
