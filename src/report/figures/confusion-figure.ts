/**
 * Confusion matrices as heat maps: shade by the share of the true class, counts and row percentages in the
 * cells. Shades follow the square root of the share, so that confusions of a few per cent can be seen.
 */

import { rowShares } from '../../measure/confusion.ts';
import type { Metrics } from '../../measure/metrics.ts';
import type { FigureSource } from '../figure.ts';
import { percent } from '../format.ts';
import { shorten, shortNames } from '../text-width.ts';
import { GRID, PERCENT_AXIS, SHADES } from '../theme.ts';

/** Up to this many classes a cell holds count and percentage; up to the next, the count; then none. */
const MOST_WITH_SHARES = 12;
const MOST_WITH_COUNTS = 24;

/** One matrix. */
export function confusionFigure(metrics: Metrics, name: string): FigureSource {
  return {
    slug: 'confusion-matrix',
    title: `Confusion matrix of ${name}`,
    description: `${metrics.images} test images; rows are true classes, columns predicted ones. ${largestErrors(metrics)}`,
    spec: { ...matrix(confusionCounts(metrics), 600) },
  };
}

/** Several matrices side by side, two in a row. */
export function confusionFigures(systems: readonly { name: string; metrics: Metrics }[]): FigureSource {
  return {
    slug: 'confusion-matrices',
    title: 'Confusion matrices',
    description: systems.map(({ name, metrics }) => `${name}: ${largestErrors(metrics)}`).join(' '),
    spec: {
      columns: 2,
      spacing: 28,
      concat: systems.map(({ name, metrics }) => ({
        title: shorten(name, 44),
        ...matrix(confusionCounts(metrics), 330),
      })),
    },
  };
}

function confusionCounts({ confusion, perClass }: Metrics): CountMatrix {
  const names = perClass.map(({ name }) => name);
  return { counts: confusion, names, rows: 'true class', columns: 'predicted class' };
}

/** Images of each class by another opinion about their class. */
export interface CountMatrix {
  /** `[i][j]`: images of row i and column j. */
  readonly counts: readonly (readonly number[])[];
  /** Classes, of rows and columns alike. */
  readonly names: readonly string[];
  /** What rows and columns are. */
  readonly rows: string;
  readonly columns: string;
}

/** A matrix as a heat map of shares of its rows. @param side side in pixels that is aimed at */
export function matrix({ counts, names: classes, rows, columns }: CountMatrix, side: number) {
  const size = counts.length;
  const cell = Math.max(3, Math.min(56, Math.floor(side / size)));
  const names = shortNames(classes);
  const shares = rowShares(counts);
  const withShares = size <= MOST_WITH_SHARES && cell >= 38;
  const withCounts = size <= MOST_WITH_COUNTS && cell >= 20;
  const fontSize = Math.min(12, Math.floor(cell / 3.4));
  const values = counts.flatMap((row, truth) =>
    row.map((count, predicted) => ({
      truth: names[truth],
      predicted: names[predicted],
      share: shares[truth][predicted],
      count: String(count),
      // One digit more than all others would not fit into a cell.
      percentage: percent(shares[truth][predicted], shares[truth][predicted] === 1 ? 0 : 1).replace(
        '\u00a0',
        '\u2009',
      ),
    })),
  );
  const crowded = size > MOST_WITH_COUNTS;
  const axis = {
    grid: false,
    domain: false,
    ticks: false,
    labels: !crowded || cell >= 10,
    labelFontSize: crowded ? 8 : 11,
  };
  const ink = {
    condition: { test: 'datum.share > 0.42', value: '#FFFFFF' },
    value: '#1A1A1A',
  };
  const text = (field: string, dy: number, smaller: number) => ({
    transform: [{ filter: "datum.count !== '0'" }],
    mark: { type: 'text' as const, dy, fontSize: fontSize - smaller },
    encoding: { text: { field }, color: ink },
  });
  return {
    data: { values },
    width: cell * size,
    height: cell * size,
    view: { stroke: GRID },
    encoding: {
      x: {
        field: 'predicted',
        type: 'nominal' as const,
        sort: null,
        scale: { domain: names },
        axis: { ...axis, title: columns, labelAngle: -40, labelAlign: 'right' as const },
      },
      y: {
        field: 'truth',
        type: 'nominal' as const,
        sort: null,
        scale: { domain: names },
        axis: { ...axis, title: rows },
      },
    },
    layer: [
      {
        mark: { type: 'rect' as const, stroke: GRID, strokeWidth: crowded ? 0 : 1 },
        encoding: {
          color: {
            field: 'share',
            type: 'quantitative' as const,
            scale: { type: 'sqrt' as const, domain: [0, 1], range: [...SHADES], interpolate: 'rgb' as const },
            legend: withShares
              ? null
              : { title: ['share of', rows], ...PERCENT_AXIS, values: [0, 0.05, 0.25, 1] },
          },
        },
      },
      ...(withCounts ? [text('count', withShares ? -0.5 * fontSize : 0, 0)] : []),
      ...(withShares ? [text('percentage', 0.75 * fontSize, 2)] : []),
    ],
  };
}

/** The three largest confusions in words. */
function largestErrors({ confusion, perClass }: Metrics): string {
  const errors = confusion
    .flatMap((row, truth) => row.map((count, predicted) => ({ truth, predicted, count })))
    .filter(({ truth, predicted, count }) => truth !== predicted && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, 3);
  if (errors.length === 0) return 'No image was classified wrongly.';
  return `Most frequent confusions: ${errors
    .map(({ truth, predicted, count }) => `${perClass[truth].name} as ${perClass[predicted].name} (${count})`)
    .join(', ')}.`;
}
