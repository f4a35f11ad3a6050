/** How a search went: its trials and the best so far, and who went on at which rung. */
import type { FigureSource } from '../../report/figure.ts';
import { COLOURS, FAINT_INK } from '../../report/theme.ts';
import { OBJECTIVES } from '../objective.ts';
import { type FigureInput, seenOf, valueAxis, valueNumber } from './values.ts';

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
