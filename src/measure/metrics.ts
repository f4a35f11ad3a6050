/**
 * Everything that is measured on one set of predictions, each figure with its 95 % bootstrap interval.
 * The result is plain numbers and arrays, fit for JSON. Conventions of the single figures:
 * `classification.ts`, `roc.ts`, `log-loss.ts`, `brier.ts`, `calibration.ts`, `risk-coverage.ts`.
 */
import { type BootstrapOptions, bootstrap, type Estimate } from './bootstrap.ts';
import { imageBriers } from './brier.ts';
import { answersOf, Calibration, type CalibrationBin } from './calibration.ts';
import { classificationFigures } from './classification.ts';
import { confusionMatrix, confusionRows } from './confusion.ts';
import { imageLosses } from './log-loss.ts';
import { checkPredictions, type Predictions, predictedClasses } from './predictions.ts';
import { areaUnderRiskCoverage, rankByConfidence } from './risk-coverage.ts';
import { macroAuc, rankByClass, rankedAuc } from './roc.ts';

export interface AverageEstimates {
  readonly precision: Estimate;
  readonly recall: Estimate;
  readonly f1: Estimate;
}

export interface ClassEstimates extends Omit<AverageEstimates, 'recall'> {
  readonly name: string;
  /** Images whose true class this is. */
  readonly support: number;
  /** Null where the class has no images. */
  readonly recall: Estimate | null;
  /** One-vs-rest; null where the class has no images or no other class has. */
  readonly auc: Estimate | null;
}

export interface Metrics {
  readonly images: number;
  readonly accuracy: Estimate;
  /** Over the classes that have images or were predicted (scikit-learn's labels); of a class without images recall is 0. */
  readonly macro: AverageEstimates;
  readonly weighted: AverageEstimates;
  /** Mean of the AUCs that are defined; null if none is. */
  readonly macroAuc: Estimate | null;
  /** Mean −ln p(true class), nats. */
  readonly logLoss: Estimate;
  /** Mean Σ_k (p_k − y_k)², 0 to 2. */
  readonly brier: Estimate;
  /** Expected and maximal calibration error over 15 bins of equal width, shares. */
  readonly ece: Estimate;
  readonly mce: Estimate;
  /** Area under the risk–coverage curve, a share. */
  readonly aurc: Estimate;
  readonly perClass: readonly ClassEstimates[];
  /** K rows (true classes) of K counts (predicted classes). */
  readonly confusion: readonly (readonly number[])[];
  /** Bins of the reliability diagram. */
  readonly reliability: readonly CalibrationBin[];
  /** How the intervals were made. */
  readonly bootstrap: Required<BootstrapOptions>;
}

/** Figures over all images and classes, in the order in which they lie in the statistic's output. */
const WHOLE = ['accuracy', 'logLoss', 'brier', 'ece', 'mce', 'aurc', 'macroAuc'] as const;
/** Figures of a group of classes, which follow for each group. */
const FIGURES = ['precision', 'recall', 'f1'] as const;

/**
 * Measures predictions: every figure with its percentile bootstrap interval.
 * Deterministic for one seed. Throws a SomaError where the predictions are malformed.
 */
export function measure(predictions: Predictions, options: BootstrapOptions = {}): Metrics {
  checkPredictions(predictions);
  const { labels, classes } = predictions;
  const predicted = predictedClasses(predictions);
  const size = classes.length;
  const losses = imageLosses(predictions);
  const briers = imageBriers(predictions);
  const answers = answersOf(predictions);
  const calibration = new Calibration(answers);
  const surest = rankByConfidence(answers);
  const rankings = classes.map((_, k) => rankByClass(predictions, k));
  const settings = { resamples: 2000, seed: 0, ...options };

  const statistic = (weights: Int32Array, out: Float64Array): void => {
    const figures = classificationFigures(confusionMatrix(labels, predicted, size, weights));
    const aucs = rankings.map((ranking) => rankedAuc(ranking, weights));
    const whole: Record<(typeof WHOLE)[number], number> = {
      accuracy: figures.accuracy,
      logLoss: weightedMean(losses, weights),
      brier: weightedMean(briers, weights),
      ...calibration.errors(weights),
      aurc: areaUnderRiskCoverage(answers, surest, weights),
      macroAuc: macroAuc(aucs) ?? Number.NaN,
    };
    let at = 0;
    for (const name of WHOLE) out[at++] = whole[name];
    for (const group of [figures.macro, figures.weighted, ...figures.perClass]) {
      for (const figure of FIGURES) out[at++] = group[figure];
    }
    for (const auc of aucs) out[at++] = auc ?? Number.NaN;
  };
  const length = WHOLE.length + FIGURES.length * (2 + size) + size;
  const estimates = bootstrap(labels.length, length, statistic, settings);

  const whole = (name: (typeof WHOLE)[number]) => estimates[WHOLE.indexOf(name)];
  const group = (index: number): AverageEstimates => {
    const at = WHOLE.length + FIGURES.length * index;
    return { precision: sure(estimates[at]), recall: sure(estimates[at + 1]), f1: sure(estimates[at + 2]) };
  };
  const confusion = confusionMatrix(labels, predicted, size);
  const { perClass } = classificationFigures(confusion);
  return {
    images: labels.length,
    accuracy: sure(whole('accuracy')),
    logLoss: sure(whole('logLoss')),
    brier: sure(whole('brier')),
    ece: sure(whole('ece')),
    mce: sure(whole('mce')),
    aurc: sure(whole('aurc')),
    macroAuc: whole('macroAuc'),
    macro: group(0),
    weighted: group(1),
    perClass: classes.map((name, k) => {
      const { support } = perClass[k];
      const { precision, recall, f1 } = group(2 + k);
      const auc = estimates[length - size + k];
      return { name, support, precision, recall: support > 0 ? recall : null, f1, auc };
    }),
    confusion: confusionRows(confusion),
    reliability: calibration.table(),
    bootstrap: settings,
  };
}

function weightedMean(values: Float64Array, weights: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += weights[i] * values[i];
  return sum / values.length;
}

/** Only AUCs can be undefined; the rest are numbers for every resample, by the zero-division convention. */
function sure(estimate: Estimate | null): Estimate {
  if (!estimate) throw new Error('a figure that is always defined was not');
  return estimate;
}
