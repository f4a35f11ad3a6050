/**
 * Several runs in one figure: headline figures with intervals, validation curves overlaid, and the paired
 * differences in accuracy. A run has the same colour in all of them.
 */
import type { Metrics } from '../../measure/metrics.ts';
import type { PairedComparison } from '../../measure/paired.ts';
import type { FigureSource } from '../figure.ts';
import { decimal, percent } from '../format.ts';
import { legendColumns, rowNames, shortNames } from '../text-width.ts';
import { COLOURS, categoryColours, categoryDashes, FAINT_INK, PERCENT_AXIS } from '../theme.ts';
import type { RunReport } from '../types.ts';
import { flattenedFrom, lateTitle } from './late-epochs.ts';
import { curveAxes } from './training-curves.ts';

/** Accuracy, macro F1 and macro AUC of each run, one panel each, points with intervals. */
export function headlineFigure(systems: readonly { name: string; metrics: Metrics }[]): FigureSource {
  const labels = rowNames(systems.map(({ name }) => name));
  const panels = [
    { title: 'accuracy', of: (metrics: Metrics) => metrics.accuracy },
    { title: 'macro F1', of: (metrics: Metrics) => metrics.macro.f1 },
    { title: 'macro AUC', of: (metrics: Metrics) => metrics.macroAuc },
  ].map(({ title, of }, column) => {
    const values = systems.flatMap(({ metrics }, s) => {
      const estimate = of(metrics);
      return estimate ? [{ system: labels[s], ...estimate }] : [];
    });
    const x = { type: 'quantitative' as const, scale: { zero: false, nice: true } };
    const y = {
      field: 'system',
      type: 'nominal' as const,
      sort: null,
      scale: { domain: labels },
      axis: { title: null, grid: false, ticks: false, domain: false, labels: column === 0 },
    };
    const color = {
      field: 'system',
      type: 'nominal' as const,
      scale: categoryColours(labels),
      legend: null,
    };
    return {
      width: 200,
      height: { step: 30 },
      data: { values },
      layer: [
        {
          mark: { type: 'rule' as const, strokeWidth: 2 },
          encoding: {
            x: {
              field: 'low',
              ...x,
              axis: { title, tickCount: column === 2 ? 3 : 4, ...(column === 0 && PERCENT_AXIS) },
            },
            x2: { field: 'high' },
            y,
            color,
          },
        },
        { mark: { type: 'point' as const, size: 60 }, encoding: { x: { field: 'value', ...x }, y, color } },
      ],
    };
  });
  return {
    slug: 'headline',
    title: 'Accuracy, macro F1 and macro AUC with 95 % intervals',
    description: systems
      .map(
        ({ name, metrics }) =>
          `${name}: accuracy ${percent(metrics.accuracy.value)} (${percent(metrics.accuracy.low)} to ` +
          `${percent(metrics.accuracy.high)}), macro F1 ${decimal(metrics.macro.f1.value, 3)}.`,
      )
      .join(' '),
    spec: { hconcat: panels, spacing: 28 },
  };
}

/** Validation loss and accuracy of all runs over the epochs, the best epoch of each as a dot. */
export function validationCurves(runs: readonly { name: string; run: RunReport }[]): FigureSource {
  const labels = rowNames(runs.map(({ name }) => name));
  const values = runs.flatMap(({ run }, r) =>
    run.history.map(({ epoch, val_loss, val_accuracy }) => ({
      system: labels[r],
      epoch,
      val_loss,
      val_accuracy,
      best: epoch === run.bestEpoch,
    })),
  );
  const history = runs.flatMap(({ run }) => run.history);
  const panel = (field: string, title: string, axis: object, from: number | null) => {
    const seen = from === null ? history : history.filter(({ epoch }) => epoch >= from);
    const encoding = {
      ...curveAxes(field, title, axis, seen),
      color: {
        field: 'system',
        type: 'nominal' as const,
        scale: categoryColours(labels),
        legend: { orient: 'top' as const, columns: legendColumns(labels, 720), symbolType: 'stroke' },
      },
    };
    return {
      width: 340,
      height: 210,
      ...(from === null ? {} : { title: lateTitle(from), transform: [{ filter: `datum.epoch >= ${from}` }] }),
      layer: [
        {
          mark: { type: 'line' as const },
          encoding: {
            ...encoding,
            strokeDash: { field: 'system', type: 'nominal' as const, scale: categoryDashes(labels) },
          },
        },
        {
          transform: [{ filter: 'datum.best' }],
          mark: { type: 'point' as const, size: 55, stroke: '#FFFFFF', strokeWidth: 1 },
          encoding,
        },
      ],
    };
  };
  const from = flattenedFrom([
    history.map(({ epoch, val_loss }) => ({ epoch, value: val_loss })),
    history.map(({ epoch, val_accuracy }) => ({ epoch, value: val_accuracy })),
  ]);
  const line = (first: number | null) => ({
    hconcat: [
      panel('val_loss', 'validation loss (nats)', {}, first),
      panel('val_accuracy', 'validation accuracy', PERCENT_AXIS, first),
    ],
  });
  return {
    slug: 'validation-curves',
    title: 'Validation curves',
    description: `Validation loss and accuracy over the epochs. ${runs
      .map(({ name, run }) => {
        const best = run.history.find(({ epoch }) => epoch === run.bestEpoch);
        return best ? `${name}: best epoch ${best.epoch}, accuracy ${percent(best.val_accuracy)}.` : '';
      })
      .join(' ')}`,
    spec: {
      data: { values },
      vconcat: [line(null), ...(from === null ? [] : [line(from)])],
      spacing: 22,
      resolve: { scale: { color: 'shared', strokeDash: 'shared' } },
    },
  };
}

/** Differences in accuracy of pairs of runs with intervals; a pair whose interval holds 0 is grey. */
export function pairedFigure(
  pairs: readonly { first: string; second: string; comparison: PairedComparison }[],
): FigureSource {
  const labels = shortNames(
    pairs.map(({ first, second }) => `${first} − ${second}`),
    60,
  );
  const values = pairs.map(({ comparison }, index) => {
    const { value, low, high } = comparison.difference;
    return {
      pair: labels[index],
      value: 100 * value,
      low: 100 * low,
      high: 100 * high,
      clear: low > 0 || high < 0,
    };
  });
  const x = { type: 'quantitative' as const, scale: { zero: true, nice: true } };
  const y = {
    field: 'pair',
    type: 'nominal' as const,
    sort: null,
    scale: { domain: labels },
    axis: { title: null, grid: false, ticks: false, domain: false },
  };
  const color = { condition: { test: 'datum.clear', value: COLOURS.blue }, value: COLOURS.grey };
  return {
    slug: 'paired-differences',
    title: 'Paired differences in accuracy',
    description: values
      .map(
        ({ pair, value, low, high }) =>
          `${pair}: ${decimal(value, 2)} points (${decimal(low, 2)} to ${decimal(high, 2)}).`,
      )
      .join(' '),
    spec: {
      data: { values },
      width: 420,
      height: { step: 30 },
      layer: [
        {
          data: { values: [{ zero: 0 }] },
          mark: { type: 'rule', color: FAINT_INK },
          encoding: { x: { field: 'zero', ...x } },
        },
        {
          mark: { type: 'rule', strokeWidth: 2 },
          encoding: {
            x: {
              field: 'low',
              ...x,
              axis: { title: 'difference in accuracy, percentage points (95 % interval)', tickCount: 7 },
            },
            x2: { field: 'high' },
            y,
            color,
          },
        },
        { mark: { type: 'point', size: 60 }, encoding: { x: { field: 'value', ...x }, y, color } },
      ],
    },
  };
}
