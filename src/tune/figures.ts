/** The figures of a search: how it went, where the good trials lie, and which parameters matter. */
import type { FigureSource } from '../report/figure.ts';
import { decimal, median, percent } from '../report/format.ts';
import { rowNames, textWidth } from '../report/text-width.ts';
import { COLOURS, FAINT_INK, GRID, PERCENT_LABEL, SHADES } from '../report/theme.ts';
import { axisOf, placeOf } from './axis.ts';
import type { Importance } from './importance.ts';
import type { Trial } from './journal.ts';
import { OBJECTIVES, type ObjectiveName } from './objective.ts';
import { finiteValues, type Parameter, type Space, type Value, valueText } from './space.ts';

export interface FigureInput {
  readonly space: Space;
  readonly objective: ObjectiveName;
  readonly trials: readonly Trial[];
  readonly best: Trial;
}

interface Seen {
  readonly trial: Trial;
  readonly value: number;
  /** The value, or the end of the axis where it is beyond. */
  readonly shown: number;
}

/** How far the axis of values reaches to the worse side: so many times the distance from the best to the median. */
const REACH = 3;

/** Trials with a value, and the ends of an axis on which a few that went wrong do not press the others together. */
function seenOf({ trials, objective }: FigureInput): { seen: Seen[]; domain: [number, number] } {
  const { sign } = OBJECTIVES[objective];
  const reached = trials.filter(({ results }) => results.length > 0);
  const losses = reached.map(({ results }) => results[results.length - 1].loss);
  const [best, worst] = [Math.min(...losses), Math.max(...losses)];
  const limit = Math.min(
    worst,
    Math.max(best + REACH * (median(losses) - best), best + Math.abs(best) * 0.01),
  );
  const seen = reached.map((trial, i) => ({
    trial,
    value: sign * losses[i],
    shown: sign * Math.min(losses[i], limit),
  }));
  return { seen, domain: sign > 0 ? [best, limit] : [-limit, -best] };
}

const valueAxis = ({ objective }: FigureInput, domain: [number, number]) => ({
  type: 'quantitative' as const,
  scale: { domain, nice: true, zero: false },
  axis: { title: OBJECTIVES[objective].title, tickCount: 6 },
});

const BEYOND = 'Triangles stand for values beyond the axis.';

/** Value of each trial, and the best so far. */
export function historyFigure(input: FigureInput): FigureSource {
  const { trials, best, objective } = input;
  const { seen, domain } = seenOf(input);
  const { sign } = OBJECTIVES[objective];
  const furthest = Math.max(...seen.map(({ trial }) => trial.results.length));
  let least = Number.POSITIVE_INFINITY;
  const steps = seen.flatMap(({ trial, shown }) => {
    if (trial.results.length < furthest) return [];
    least = Math.min(least, sign * shown);
    return [{ trial: trial.number, best: sign * least }];
  });
  const last = trials[trials.length - 1].number;
  steps.push({ trial: last, best: sign * least });
  const x = {
    type: 'quantitative' as const,
    scale: { domain: [-0.5, last + 0.5], nice: false },
    axis: { title: 'trial', grid: false, tickMinStep: 1, format: 'd' },
  };
  const y = valueAxis(input, domain);
  const points = seen.map(({ trial, value, shown }) => ({
    trial: trial.number,
    shown,
    kind:
      value === shown
        ? trial.results.length === furthest
          ? 'trained furthest'
          : 'left earlier'
        : 'beyond the axis',
  }));
  const failures = trials.filter(({ failed }) => failed).map(({ number }) => ({ trial: number }));
  return {
    slug: 'history',
    title: 'Trials and the best so far',
    description:
      `${trials.length} trials, ${failures.length} failed. The best is trial ${best.number} with ` +
      `${objective} ${valueNumber(best.results[best.rung].value)}. ${BEYOND}`,
    spec: {
      width: 640,
      height: 230,
      layer: [
        {
          data: { values: steps },
          mark: { type: 'line', interpolate: 'step-after', color: COLOURS.blue },
          encoding: { x: { field: 'trial', ...x }, y: { field: 'best', ...y } },
        },
        {
          data: { values: points },
          mark: { type: 'point', size: 36 },
          encoding: {
            x: { field: 'trial', ...x },
            y: { field: 'shown', ...y },
            color: {
              field: 'kind',
              type: 'nominal',
              scale: {
                domain: ['trained furthest', 'left earlier', 'beyond the axis'],
                range: [COLOURS.black, COLOURS.sky, COLOURS.vermilion],
              },
              legend: { orient: 'top' },
            },
            shape: {
              field: 'kind',
              type: 'nominal',
              scale: {
                domain: ['trained furthest', 'left earlier', 'beyond the axis'],
                range: ['circle', 'square', sign > 0 ? 'triangle-up' : 'triangle-down'],
              },
              legend: { orient: 'top' },
            },
          },
        },
        {
          data: { values: failures },
          mark: { type: 'text', text: '×', color: COLOURS.vermilion, fontSize: 16, fontWeight: 'bold' },
          encoding: { x: { field: 'trial', ...x }, y: { value: 230 } },
        },
      ],
    },
  };
}

/** A line for each trial through its values; dark lines are good trials. */
export function parallelFigure(input: FigureInput): FigureSource {
  const { space, objective, best } = input;
  const { seen, domain } = seenOf(input);
  const { sign, title } = OBJECTIVES[objective];
  const names = Object.keys(space.parameters);
  const columns = [...rowNames(names), title];
  const [from, to] = domain;
  const height = (value: number) => (to > from ? (value - from) / (to - from) : 0.5);
  // Better trials are drawn over worse ones.
  const ordered = [...seen].sort((a, b) => sign * (b.value - a.value));
  const lines = ordered.flatMap(({ trial, shown }, order) => {
    const goodness = 1 - height(sign > 0 ? shown : from + to - shown);
    const row = { trial: trial.number, goodness, order };
    return [
      ...names.map((name, i) => ({
        ...row,
        column: columns[i],
        place: name in trial.point ? placeIn(space.parameters[name], trial.point[name]) : MISSING,
      })),
      { ...row, column: title, place: height(shown) },
    ];
  });
  const labels = [
    ...names.flatMap((name, i) =>
      labelled(space.parameters[name]).map(({ place, text }) => ({ column: columns[i], place, text })),
    ),
    ...names
      .filter((name) => space.parameters[name].when)
      .map((name) => ({ column: columns[names.indexOf(name)], place: MISSING, text: 'not set' })),
    ...[0, 0.5, 1].map((place) => ({ column: title, place, text: valueNumber(from + place * (to - from)) })),
  ];
  const x = {
    field: 'column',
    type: 'nominal' as const,
    sort: null,
    scale: { domain: columns, type: 'point' as const, padding: 0.4 },
    axis: {
      title: null,
      domain: false,
      ticks: false,
      labelAngle: 0,
      labelPadding: 10,
      orient: 'top' as const,
    },
  };
  const y = {
    field: 'place',
    type: 'quantitative' as const,
    scale: { domain: [MISSING - 0.03, 1.03], nice: false },
    axis: null,
  };
  return {
    slug: 'parallel-coordinates',
    title: 'Parameters of each trial',
    description: `A line for each of ${seen.length} trials through its values. The best trial ${best.number}: ${pointWords(best)}.`,
    spec: {
      width: columns.length * Math.max(110, ...columns.map((column) => textWidth(column, 11) + 16)),
      height: 300,
      layer: [
        {
          data: { values: columns.flatMap((column) => [0, 1].map((place) => ({ column, place }))) },
          mark: { type: 'line', color: GRID, strokeWidth: 5 },
          encoding: { x, y, detail: { field: 'column' } },
        },
        {
          data: { values: lines },
          mark: { type: 'line', strokeWidth: 1.3, opacity: 0.8, interpolate: 'monotone' },
          encoding: {
            x,
            y,
            detail: { field: 'order', type: 'ordinal' },
            color: {
              field: 'goodness',
              type: 'quantitative',
              // From the second shade on: white lines would not be seen.
              scale: { domain: [0, 1], range: SHADES.slice(1) },
              legend: null,
            },
          },
        },
        {
          data: { values: lines.filter(({ trial }) => trial === best.number) },
          mark: { type: 'line', strokeWidth: 2.6, color: COLOURS.vermilion, interpolate: 'monotone' },
          encoding: { x, y },
        },
        {
          data: { values: labels },
          mark: { type: 'text', align: 'left', dx: 6, fontSize: 10, stroke: '#FFFFFF', strokeWidth: 3 },
          encoding: { x, y, text: { field: 'text' } },
        },
        {
          data: { values: labels },
          mark: { type: 'text', align: 'left', dx: 6, fontSize: 10 },
          encoding: { x, y, text: { field: 'text' } },
        },
      ],
    },
  };
}

/** Below the axes: parameters that a trial does not have. */
const MISSING = -0.12;

/** Where a value stands on an axis from 0 to 1. */
function placeIn(parameter: Parameter, value: Value): number {
  const axis = axisOf(parameter);
  return axis.kind === 'number' ? placeOf(axis, value) : (axis.index(value) + 0.5) / axis.choices.length;
}

/** Longest list of which every value is written beside an axis. */
const MOST_LABELS = 8;

function labelled(parameter: Parameter): { place: number; text: string }[] {
  const values = finiteValues(parameter);
  if (values && values.length <= MOST_LABELS)
    return values.map((value) => ({ place: placeIn(parameter, value), text: valueText(value) }));
  const axis = axisOf(parameter);
  if (axis.kind === 'choice') return [];
  return [0, 0.25, 0.5, 0.75, 1].map((place) => ({ place, text: shortNumber(Number(axis.at(place))) }));
}

/** Share of each parameter in what makes a trial one of the best. */
export function importanceFigure(shares: readonly Importance[]): FigureSource {
  const labels = rowNames(shares.map(({ name }) => name));
  return {
    slug: 'importance',
    title: 'Importance of the parameters',
    description: shares.map(({ share }, i) => `${labels[i]}: ${percent(share, 1)}.`).join(' '),
    spec: {
      width: 420,
      height: { step: 26 },
      data: { values: shares.map(({ share }, i) => ({ name: labels[i], share, text: percent(share, 1) })) },
      encoding: {
        y: { field: 'name', type: 'nominal', sort: null, axis: { title: null, ticks: false, domain: false } },
        x: {
          field: 'share',
          type: 'quantitative',
          scale: { zero: true },
          axis: { title: 'share of the importance', labelExpr: PERCENT_LABEL, tickCount: 5 },
        },
      },
      layer: [
        { mark: { type: 'bar', color: COLOURS.blue, height: 14 } },
        { mark: { type: 'text', align: 'left', dx: 5 }, encoding: { text: { field: 'text' } } },
      ],
    },
  };
}

/** The value against each parameter, a panel each. */
export function slicesFigure(input: FigureInput): FigureSource {
  const { space, objective, best } = input;
  const { seen, domain } = seenOf(input);
  const panels = Object.entries(space.parameters).map(([name, parameter], i) => ({
    width: 190,
    height: 150,
    data: {
      values: seen
        .filter(({ trial }) => name in trial.point)
        .map(({ trial, shown }) => ({
          x:
            parameter.type === 'categorical' || parameter.type === 'ordered'
              ? valueText(trial.point[name])
              : Number(trial.point[name]),
          shown,
          best: trial.number === best.number,
        })),
    },
    mark: { type: 'point' as const, opacity: 0.8 },
    encoding: {
      x: { field: 'x', ...sliceAxis(name, parameter) },
      y: {
        field: 'shown',
        ...valueAxis(input, domain),
        axis: { title: i % COLUMNS === 0 ? OBJECTIVES[objective].title : null, tickCount: 5 },
      },
      color: { condition: { test: 'datum.best', value: COLOURS.vermilion }, value: COLOURS.blue },
      size: { condition: { test: 'datum.best', value: 90 }, value: 34 },
      // The best is drawn over the others.
      order: { field: 'best', type: 'ordinal' as const },
    },
  }));
  return {
    slug: 'slices',
    title: 'The objective against each parameter',
    description: `A panel for each of ${panels.length} parameters. The best trial ${best.number}: ${pointWords(best)}.`,
    spec: { concat: panels, columns: COLUMNS, spacing: 24 },
  };
}

const COLUMNS = 3;

function sliceAxis(name: string, parameter: Parameter) {
  const axis = { title: name, grid: false, labelAngle: 0 };
  if (parameter.type === 'categorical' || parameter.type === 'ordered')
    return {
      type: 'nominal' as const,
      sort: null,
      scale: { domain: (finiteValues(parameter) ?? []).map(valueText) },
      axis,
    };
  const { low, high, scale } = parameter;
  return {
    type: 'quantitative' as const,
    scale: { type: scale, domain: [low, high], nice: false, ...(scale === 'linear' && { zero: false }) },
    axis: { ...axis, tickCount: 4 },
  };
}

/** What trials had reached at each rung, joined. */
export function rungsFigure(input: FigureInput): FigureSource {
  const { trials, best } = input;
  const { domain } = seenOf(input);
  const [low, high] = domain;
  const values = trials.flatMap(({ number, results }) =>
    results.map(({ epochs, value }) => ({
      trial: number,
      epochs,
      value: Math.min(high, Math.max(low, value)),
      best: number === best.number,
    })),
  );
  const looks = [...new Set(values.map(({ epochs }) => epochs))].sort((a, b) => a - b);
  const color = { condition: { test: 'datum.best', value: COLOURS.vermilion }, value: FAINT_INK };
  const x = {
    field: 'epochs',
    type: 'quantitative' as const,
    scale: { type: 'log' as const, nice: false, padding: 12 },
    axis: { title: 'epochs', grid: false, values: looks, format: 'd' },
  };
  const y = { field: 'value', ...valueAxis(input, domain) };
  return {
    slug: 'rungs',
    title: 'Which trials went on',
    description: `Values of ${trials.length} trials after ${looks.join(', ')} epochs.`,
    spec: {
      width: 640,
      height: 230,
      data: { values },
      layer: [
        {
          mark: { type: 'line', strokeWidth: 1.2, opacity: 0.7 },
          encoding: { x, y, color, detail: { field: 'trial', type: 'ordinal' } },
        },
        { mark: { type: 'point', size: 26 }, encoding: { x, y, color } },
      ],
    },
  };
}

export function pointWords({ point }: Pick<Trial, 'point'>): string {
  return Object.entries(point)
    .map(([name, value]) => `${name} ${valueText(value)}`)
    .join(', ');
}

/** A loss or a share, with four significant decimals. */
export function valueNumber(value: number): string {
  return decimal(value, Math.abs(value) >= 100 ? 1 : 4);
}

function shortNumber(value: number): string {
  return `${Number(value.toPrecision(2))}`;
}
