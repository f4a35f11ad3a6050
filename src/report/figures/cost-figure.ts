/** What accuracy costs: accuracy, parameters, and the time of one image or of one epoch, a row for each run. */
import type { FigureSource } from '../figure.ts';
import { decimal, median, percent, whole } from '../format.ts';
import { rowNames } from '../text-width.ts';
import { categoryColours, FAINT_INK, PERCENT_AXIS } from '../theme.ts';
import type { RunReport } from '../types.ts';

interface Panel {
  readonly title: string;
  readonly axis?: object;
  readonly log?: boolean;
  /** Of each run: a value, what is written beside it, and its interval where there is one. */
  readonly points: readonly (Point | null)[];
}

interface Point {
  readonly value: number;
  readonly text: string;
  readonly low?: number;
  readonly high?: number;
}

/** Null where fewer than two runs have been tested. */
export function costFigure(runs: readonly { name: string; run: RunReport }[]): FigureSource | null {
  const tested = runs.filter(({ run }) => run.test);
  if (tested.length < 2) return null;
  const labels = rowNames(tested.map(({ name }) => name));
  const panels = [accuracies(tested), parameters(tested), times(tested)].filter((panel) => panel !== null);
  return {
    slug: 'costs',
    title: 'Accuracy and what it costs',
    description: labels
      .map(
        (name, r) =>
          `${name}: ${panels.map((p) => `${p.title} ${p.points[r]?.text ?? 'unknown'}`).join(', ')}.`,
      )
      .join(' '),
    spec: { hconcat: panels.map((panel, column) => drawn(panel, labels, column === 0)), spacing: 22 },
  };
}

type Runs = readonly { readonly run: RunReport }[];

function accuracies(runs: Runs): Panel {
  const points = runs.map(({ run }) => {
    const accuracy = run.test?.metrics.accuracy;
    return accuracy ? { ...accuracy, text: percent(accuracy.value) } : null;
  });
  return { title: 'test accuracy', axis: PERCENT_AXIS, points };
}

function parameters(runs: Runs): Panel {
  const points = runs.map(({ run }) => ({ value: run.parameters, text: whole(run.parameters) }));
  return { title: 'parameters', axis: { format: '~s' }, log: true, points };
}

/** Of one image where all were measured by `soma bench`; else of an epoch; nothing where there is neither. */
function times(runs: Runs): Panel | null {
  if (runs.every(({ run }) => run.latency)) {
    const points = runs.map(({ run }) => {
      const value = run.latency?.single.milliseconds.median ?? 0;
      return { value, text: `${decimal(value, 2)} ms` };
    });
    return { title: 'one image, ms', log: true, points };
  }
  if (!runs.every(({ run }) => run.history.length > 0)) return null;
  const points = runs.map(({ run }) => {
    const value = median(run.history.map(({ seconds }) => seconds));
    return { value, text: `${decimal(value, value < 10 ? 1 : 0)} s` };
  });
  return { title: 'one epoch, s', log: true, points };
}

function drawn({ title, axis = {}, log, points }: Panel, labels: readonly string[], named: boolean) {
  const values = points.flatMap((point, r) => (point ? [{ ...point, system: labels[r] }] : []));
  const type = 'quantitative' as const;
  const scale = log ? { type: 'log' as const, domain: decades(values) } : { zero: false, nice: true };
  const x = { field: 'value', type, scale };
  const y = {
    field: 'system',
    type: 'nominal' as const,
    sort: null,
    scale: { domain: [...labels] },
    axis: { title: null, grid: false, ticks: false, domain: false, labels: named },
  };
  const color = { field: 'system', type: 'nominal' as const, scale: categoryColours(labels), legend: null };
  const encoding = { y, color };
  return {
    width: 210,
    height: { step: 36 },
    data: { values },
    layer: [
      {
        mark: { type: 'point' as const, size: 60 },
        encoding: {
          ...encoding,
          x: { ...x, axis: { title, ...(log ? { values: ticks(values) } : { tickCount: 4 }), ...axis } },
        },
      },
      ...(values.some(({ low }) => low !== undefined)
        ? [
            {
              mark: { type: 'rule' as const, strokeWidth: 2 },
              encoding: { ...encoding, x: { ...x, field: 'low' }, x2: { field: 'high' } },
            },
          ]
        : []),
      {
        mark: { type: 'text' as const, dy: -11, fontSize: 10, color: FAINT_INK },
        encoding: { y, x, text: { field: 'text' } },
      },
    ],
  };
}

/** Whole, twofold and fivefold powers of ten. */
function ticks(points: readonly Point[]): number[] {
  const [low, high] = decades(points);
  const powers = Array.from({ length: Math.round(Math.log10(high / low)) }, (_, i) => low * 10 ** i);
  return [...powers.flatMap((power) => [power, 2 * power, 5 * power]), high];
}

/** From a power of ten to another, with room for what is written at the ends. */
function decades(points: readonly Point[]): [number, number] {
  const values = points.map(({ value }) => value);
  const [low, high] = [Math.min(...values) / 1.5, Math.max(...values) * 1.5];
  return [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high))];
}
