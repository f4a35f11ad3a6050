/** Accuracy against severity, a panel for each corruption, a line for each run; severity 0 is the clean image. */
import { CORRUPTIONS, findCorruption } from '../../data/corruptions/table.ts';
import type { Robustness } from '../../measure/robustness.ts';
import type { FigureSource } from '../figure.ts';
import { percent } from '../format.ts';
import { legendColumns, rowNames } from '../text-width.ts';
import { categoryColours, categoryDashes, PERCENT_AXIS } from '../theme.ts';

export interface RobustRun {
  readonly name: string;
  readonly result: Robustness;
}

/** At most; rows are about equally long. */
const COLUMNS = 4;

export function robustnessFigure(runs: readonly RobustRun[]): FigureSource {
  const labels = rowNames(runs.map(({ name }) => name));
  const names = Object.keys(CORRUPTIONS).filter((name) =>
    runs.some(({ result }) => result.corruptions.some(({ corruption }) => corruption === name)),
  );
  const values = runs.flatMap(({ result }, r) =>
    result.corruptions.flatMap(({ corruption, accuracies }) =>
      [{ severity: 0, ...result.clean }, ...accuracies].map((point) => ({
        ...point,
        run: labels[r],
        corruption: findCorruption(corruption).corruption.title,
      })),
    ),
  );
  const lowest = Math.min(...values.map(({ low }) => low));
  const x = {
    field: 'severity',
    type: 'quantitative' as const,
    scale: { domain: [0, 5], nice: false },
    axis: { title: 'severity', values: [0, 1, 2, 3, 4, 5], format: 'd', grid: false },
  };
  const y = {
    field: 'value',
    type: 'quantitative' as const,
    scale: { domain: [Math.floor(lowest * 10) / 10, 1], nice: false },
    axis: { title: 'accuracy', tickCount: 5, grid: true, ...PERCENT_AXIS },
  };
  const color = {
    field: 'run',
    type: 'nominal' as const,
    scale: categoryColours(labels),
    legend:
      labels.length === 1
        ? null
        : {
            orient: 'top' as const,
            columns: legendColumns(labels, 700),
            symbolType: 'stroke',
            symbolOpacity: 1,
          },
  };
  const strokeDash = {
    field: 'run',
    type: 'nominal' as const,
    scale: categoryDashes(labels),
    ...(labels.length === 1 ? { legend: null } : {}),
  };
  return {
    slug: 'robustness',
    title: 'Accuracy on corrupted images',
    description: runs
      .map(
        ({ name, result }) =>
          `${name}: clean ${percent(result.clean.value)}; mean over severities ${result.corruptions
            .map(({ corruption, mean }) => `${findCorruption(corruption).corruption.title} ${percent(mean)}`)
            .join(', ')}.`,
      )
      .join(' '),
    spec: {
      data: { values },
      facet: {
        field: 'corruption',
        type: 'nominal',
        sort: names.map((name) => findCorruption(name).corruption.title),
        header: { title: null, labelFontSize: 12, labelAnchor: 'start', labelPadding: 4 },
      },
      columns: Math.ceil(names.length / Math.ceil(names.length / COLUMNS)),
      spacing: { row: 18, column: 18 },
      spec: {
        width: 175,
        height: 120,
        layer: [
          {
            mark: { type: 'area', opacity: 0.18, line: false },
            encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, color },
          },
          { mark: { type: 'line', strokeWidth: 1.5 }, encoding: { x, y, color, strokeDash } },
        ],
      },
      resolve: { axis: { x: 'independent' } },
    },
  };
}
