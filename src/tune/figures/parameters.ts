/** The parameters one by one: how much each matters, and what came of its values. */
import type { FigureSource } from '../../report/figure.ts';
import { percent } from '../../report/format.ts';
import { rowNames } from '../../report/text-width.ts';
import { COLOURS, PERCENT_AXIS } from '../../report/theme.ts';
import type { Importance } from '../importance.ts';
import { OBJECTIVES } from '../objective.ts';
import { finiteValues, type Parameter, valueText } from '../space.ts';
import { type FigureInput, pointWords, seenOf, valueAxis } from './values.ts';

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
          axis: { title: 'share of the importance', ...PERCENT_AXIS, tickCount: 5 },
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
