/** The figures of a study: accuracies of its arms, and differences of its pairs. */
import type { FigureSource } from '../report/figure.ts';
import { decimal, percent } from '../report/format.ts';
import { rowNames, shortNames } from '../report/text-width.ts';
import { COLOURS, FAINT_INK, PERCENT_AXIS } from '../report/theme.ts';
import type { ArmResult, PairOutcome } from './analyse.ts';

const HEIGHT = { step: 26 };
const rows = (labels: readonly string[]) => ({
  field: 'row',
  type: 'nominal' as const,
  sort: null,
  scale: { domain: [...labels] },
  axis: { title: null, grid: false, ticks: false, domain: false },
});
/** Padded, lest a mark at the end of the axis lies on the names. */
const x = { type: 'quantitative' as const, scale: { zero: false, nice: true, padding: 8 } };

/** Accuracy of each arm with its interval, its seeds, and what the paper reports. */
export function armFigure(arms: readonly ArmResult[]): FigureSource {
  const labels = rowNames(arms.map(({ title }) => title));
  const y = rows(labels);
  const estimates = arms.flatMap(({ accuracy }, i) => (accuracy ? [{ row: labels[i], ...accuracy }] : []));
  const seeds = arms.flatMap(({ accuracies }, i) =>
    accuracies.length > 1 ? accuracies.map((value) => ({ row: labels[i], value })) : [],
  );
  const papers = arms.flatMap(({ paperAccuracy }, i) =>
    paperAccuracy === undefined ? [] : [{ row: labels[i], value: paperAccuracy }],
  );
  return {
    slug: 'arms',
    title: 'Test accuracy of each arm',
    description: arms
      .map(({ title, accuracy, paperAccuracy }) => {
        const paper = paperAccuracy === undefined ? '' : `, in the paper ${percent(paperAccuracy)}`;
        return `${title}: ${accuracy ? percent(accuracy.value) : 'not trained'}${paper}.`;
      })
      .join(' '),
    spec: {
      width: 420,
      height: HEIGHT,
      layer: [
        {
          data: { values: estimates },
          mark: { type: 'rule', strokeWidth: 2, color: COLOURS.blue },
          encoding: {
            x: {
              field: 'low',
              ...x,
              axis: { title: 'test accuracy', tickCount: 6, ...PERCENT_AXIS },
            },
            x2: { field: 'high' },
            y,
          },
        },
        {
          data: { values: seeds },
          mark: { type: 'circle', size: 14, color: FAINT_INK, opacity: 1, yOffset: 7 },
          encoding: { x: { field: 'value', ...x }, y },
        },
        {
          data: { values: estimates },
          mark: { type: 'point', size: 60, color: COLOURS.blue },
          encoding: { x: { field: 'value', ...x }, y },
        },
        {
          data: { values: papers },
          mark: { type: 'point', shape: 'diamond', size: 70, color: COLOURS.vermilion, filled: false },
          encoding: { x: { field: 'value', ...x }, y },
        },
      ],
    },
  };
}

/** Longest name of a pair: two arms. */
const LONGEST_PAIR = 80;

/** Difference of each pair with its interval. */
export function pairFigure(pairs: readonly PairOutcome[]): FigureSource {
  const labels = shortNames(
    pairs.map(({ first, second }) => `${first} − ${second}`),
    LONGEST_PAIR,
  );
  const values = pairs.map(({ difference, isBeyondNoise }, i) => ({
    row: labels[i],
    value: 100 * difference.value,
    low: 100 * difference.low,
    high: 100 * difference.high,
    beyond: isBeyondNoise,
  }));
  const y = rows(labels);
  const color = { condition: { test: 'datum.beyond', value: COLOURS.blue }, value: COLOURS.grey };
  return {
    slug: 'pairs',
    title: 'Differences in accuracy',
    description: values
      .map(
        ({ row, value, low, high }) =>
          `${row}: ${decimal(value, 2)} points (${decimal(low, 2)} to ${decimal(high, 2)}).`,
      )
      .join(' '),
    spec: {
      width: 420,
      height: HEIGHT,
      data: { values },
      layer: [
        {
          data: { values: [{ zero: 0 }] },
          mark: { type: 'rule', strokeDash: [3, 3] },
          encoding: { x: { field: 'zero', ...x } },
        },
        {
          mark: { type: 'rule', strokeWidth: 2 },
          encoding: {
            x: { field: 'low', ...x, axis: { title: 'difference in accuracy, points', tickCount: 6 } },
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
