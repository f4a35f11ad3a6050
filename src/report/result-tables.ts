/** The results of runs, comparisons and robustness as tables for other programs. */
import type { Metrics } from '../measure/metrics.ts';
import { pText } from '../measure/paired.ts';
import type { Robustness } from '../measure/robustness.ts';
import type { ComparedRuns } from './comparison-report.ts';
import { bytes, decimal, interval as figureText, median, percent, whole } from './format.ts';
import { interval, plain, type ResultTable, resultTable } from './tables.ts';

const points = (share: number) => decimal(100 * share, 2);

/** Figures over all classes, of each class, and who is taken for whom. */
export function metricsTables({ images, perClass, confusion, ...metrics }: Metrics): ResultTable[] {
  const { accuracy, macro, weighted, macroAuc, logLoss, brier, ece, mce, aurc } = metrics;
  const figures = [
    { name: 'accuracy', of: accuracy },
    { name: 'macro precision', of: macro.precision },
    { name: 'macro recall', of: macro.recall },
    { name: 'macro F1', of: macro.f1 },
    { name: 'macro AUC', of: macroAuc },
    { name: 'weighted precision', of: weighted.precision },
    { name: 'weighted recall', of: weighted.recall },
    { name: 'weighted F1', of: weighted.f1 },
    { name: 'log loss (nats)', of: logLoss },
    { name: 'Brier score', of: brier },
    { name: 'expected calibration error', of: ece },
    { name: 'maximal calibration error', of: mce },
    { name: 'area under risk–coverage', of: aurc },
  ];
  const classes = perClass.map(({ name }) => name);
  const four = (value: Parameters<typeof figureText>[0]) => figureText(value, 4);
  return [
    resultTable('figures', `${whole(images)} images; 95 % bootstrap intervals.`, figures, [
      plain('figure', 'figure', ({ name }) => name),
      interval('value', 'value', ({ of }) => of, four),
    ]),
    resultTable('classes', 'Each class.', perClass, [
      plain('class', 'class', ({ name }) => name),
      plain('images', 'images', ({ support }) => support),
      interval('precision', 'precision', ({ precision }) => precision, figureText),
      interval('recall', 'recall', ({ recall }) => recall, figureText),
      interval('f1', 'F1', ({ f1 }) => f1, figureText),
      interval('auc', 'AUC', ({ auc }) => auc, four),
    ]),
    resultTable('confusion', 'Images of each true class (rows) by predicted class (columns).', perClass, [
      plain('class', 'true class', ({ name }) => name),
      ...classes.map((name, k) =>
        plain(name, name, (row: (typeof perClass)[number]) => confusion[perClass.indexOf(row)][k]),
      ),
    ]),
  ];
}

/** The runs side by side, and the paired tests. */
export function comparisonTables({ runs, pairs }: ComparedRuns): ResultTable[] {
  return [
    resultTable('runs', 'Test figures with 95 % bootstrap intervals, and costs.', runs, [
      plain('run', 'run', ({ name }) => name),
      plain('system', 'system', ({ run }) => run.system.name),
      interval('accuracy', 'accuracy, %', ({ run }) => run.test?.metrics.accuracy ?? null),
      interval('macro_f1', 'macro F1, %', ({ run }) => run.test?.metrics.macro.f1 ?? null),
      interval('macro_auc', 'macro AUC, %', ({ run }) => run.test?.metrics.macroAuc ?? null),
      interval('ece', 'calibration error, %', ({ run }) => run.test?.metrics.ece ?? null),
      plain('parameters', 'parameters', ({ run }) => run.parameters, whole),
      plain('weights_bytes', 'weights', ({ run }) => run.sizes.weightsBytes, bytes),
      plain('epochs', 'epochs', ({ run }) => run.history.length),
      plain(
        'epoch_seconds',
        's an epoch (median)',
        ({ run: { history } }) => (history.length > 0 ? median(history.map(({ seconds }) => seconds)) : null),
        (seconds) => decimal(seconds, 1),
      ),
      plain(
        'latency_ms',
        '1 image, ms (median)',
        ({ run: { latency } }) => latency?.single.milliseconds.median ?? null,
        (time) => decimal(time, 3),
      ),
    ]),
    resultTable(
      'pairs',
      'Pairs on the same images: first minus second, 95 % bootstrap interval; mid-p of McNemar’s test after Holm.',
      pairs,
      [
        plain('first', 'first', ({ first }) => first),
        plain('second', 'second', ({ second }) => second),
        interval(
          'difference',
          'difference, points',
          ({ comparison }) => comparison.difference,
          ({ value, low, high }) => `${points(value)} (${points(low)} to ${points(high)})`,
        ),
        plain('only_first', 'only first right', ({ comparison }) => comparison.onlyFirst),
        plain('only_second', 'only second right', ({ comparison }) => comparison.onlySecond),
        plain(
          'p',
          'p',
          ({ adjustedP }) => adjustedP,
          (p) => pText(p).replace('=\u00a0', ''),
        ),
      ],
    ),
  ];
}

/** Accuracy under each corruption, and what it costs. */
export function robustnessTables(
  runs: readonly { readonly name: string; readonly result: Robustness }[],
): ResultTable[] {
  const costs = runs.flatMap(({ name, result }) =>
    result.corruptions.map((cost) => ({ run: name, ...cost })),
  );
  const clean = runs.map(({ name, result }) => ({
    ...{ run: name, corruption: 'none', severity: 0, accuracy: result.clean },
  }));
  const severities = costs.flatMap(({ run, corruption, accuracies }) =>
    accuracies.map(({ severity, ...accuracy }) => ({ run, corruption, severity, accuracy })),
  );
  return [
    resultTable(
      'accuracy',
      'Accuracy with 95 % Wilson intervals.',
      [...clean, ...severities],
      [
        plain('run', 'run', ({ run }) => run),
        plain('corruption', 'corruption', ({ corruption }) => corruption),
        plain('severity', 'severity', ({ severity }) => severity),
        interval('accuracy', 'accuracy, %', ({ accuracy }) => accuracy),
      ],
    ),
    resultTable('costs', 'Relative error: accuracy on clean images less the mean over severities.', costs, [
      plain('run', 'run', ({ run }) => run),
      plain('corruption', 'corruption', ({ corruption }) => corruption),
      plain('mean_accuracy', 'mean accuracy', ({ mean }) => mean, percent),
      plain('relative_error', 'relative error', ({ relativeError }) => relativeError, percent),
      plain(
        'balanced_relative_error',
        'balanced relative error',
        ({ balancedRelativeError }) => balancedRelativeError,
        percent,
      ),
    ]),
  ];
}
