/** Parallel coordinates: an axis for each parameter and one for the objective. */
import type { FigureSource } from '../../report/figure.ts';
import { rowNames, textWidth } from '../../report/text-width.ts';
import { COLOURS, GRID, SHADES } from '../../report/theme.ts';
import { axisOf, placeOf } from '../axis.ts';
import { OBJECTIVES } from '../objective.ts';
import { finiteValues, type Parameter, type Value, valueText } from '../space.ts';
import { type FigureInput, pointWords, seenOf, valueNumber } from './values.ts';

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

function shortNumber(value: number): string {
  return `${Number(value.toPrecision(2))}`;
}
