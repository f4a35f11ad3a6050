/**
 * F1 of each class with its interval, as points on a line and not as bars: the axis need not begin at 0, so
 * that classes between 0.9 and 1 can be told apart. One system, or several below each other in each class.
 */
import type { Metrics } from '../../measure/metrics.ts';
import type { FigureSource } from '../figure.ts';
import { decimal } from '../format.ts';
import { legendColumns, rowNames, shortNames } from '../text-width.ts';
import { COLOURS, categoryColours, FAINT_INK } from '../theme.ts';

/** With more classes than this, only those with the lowest F1 are drawn. */
const MOST_CLASSES = 30;

/** F1 of each class of one run, the macro mean as a line. */
export function classF1Figure(metrics: Metrics, name: string): FigureSource {
  const shown = drawnClasses([metrics]);
  const allNames = shortNames(metrics.perClass.map((each) => each.name));
  const names = shown.map((k) => allNames[k]);
  const values = shown.map((k) => ({ class: allNames[k], ...metrics.perClass[k].f1 }));
  const macro = metrics.macro.f1.value;
  const x = { type: 'quantitative' as const, scale: { zero: false, nice: true, domainMax: 1 } };
  const y = {
    field: 'class',
    type: 'nominal' as const,
    sort: null,
    scale: { domain: names },
    axis: { title: null, grid: false, ticks: false, domain: false },
  };
  return {
    slug: 'class-f1',
    title: `F1 of each class of ${name}`,
    description: `F1 with 95 % intervals: ${metrics.perClass
      .map(
        ({ name: label, f1 }) =>
          `${label} ${decimal(f1.value, 3)} (${decimal(f1.low, 3)} to ${decimal(f1.high, 3)})`,
      )
      .join(', ')}. Macro F1 ${decimal(macro, 3)}.`,
    spec: {
      data: { values },
      width: 420,
      height: { step: 26 },
      layer: [
        {
          data: { values: [{ macro, text: `macro F1 ${decimal(macro, 3)}` }] },
          mark: { type: 'rule', strokeDash: [3, 3] },
          encoding: { x: { field: 'macro', ...x } },
        },
        {
          data: { values: [{ macro, text: `macro F1 ${decimal(macro, 3)}` }] },
          mark: { type: 'text', y: 0, baseline: 'bottom', dy: -3, fontSize: 10, color: FAINT_INK },
          encoding: { x: { field: 'macro', ...x }, text: { field: 'text' } },
        },
        {
          mark: { type: 'rule', strokeWidth: 2, color: COLOURS.blue },
          encoding: {
            x: {
              field: 'low',
              ...x,
              axis: { title: axisTitle(shown.length, metrics.perClass.length), tickCount: 7 },
            },
            x2: { field: 'high' },
            y,
          },
        },
        {
          mark: { type: 'point', color: COLOURS.blue, size: 60 },
          encoding: { x: { field: 'value', ...x }, y },
        },
      ],
    },
  };
}

/** F1 of each class of several runs. All runs must have the same classes. */
export function classF1Comparison(systems: readonly { name: string; metrics: Metrics }[]): FigureSource {
  const shown = drawnClasses(systems.map(({ metrics }) => metrics));
  const allClasses = shortNames(systems[0].metrics.perClass.map((each) => each.name));
  const classes = shown.map((k) => allClasses[k]);
  const labels = rowNames(systems.map(({ name }) => name));
  const values = systems.flatMap(({ metrics }, s) =>
    shown.map((k) => ({ class: allClasses[k], system: labels[s], ...metrics.perClass[k].f1 })),
  );
  const x = { type: 'quantitative' as const, scale: { zero: false, nice: true, domainMax: 1 } };
  const y = {
    field: 'class',
    type: 'nominal' as const,
    sort: null,
    scale: { domain: classes, paddingInner: 0.35 },
    axis: { title: null, grid: false, ticks: false, domain: false },
  };
  const yOffset = { field: 'system', type: 'nominal' as const, sort: null, scale: { domain: labels } };
  const color = {
    field: 'system',
    type: 'nominal' as const,
    scale: categoryColours(labels),
    legend: {
      orient: 'top' as const,
      columns: legendColumns(labels, 480),
      symbolType: 'circle',
      symbolSize: 60,
      symbolStrokeWidth: 0,
    },
  };
  return {
    slug: 'class-f1',
    title: 'F1 of each class',
    description: systems
      .map(
        ({ name, metrics }) =>
          `${name}: ${metrics.perClass.map((each) => `${each.name} ${decimal(each.f1.value, 3)}`).join(', ')}.`,
      )
      .join(' '),
    spec: {
      data: { values },
      width: 480,
      height: { step: Math.max(7, 13 - systems.length), for: 'offset' },
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 2 },
          encoding: {
            x: {
              field: 'low',
              ...x,
              axis: { title: axisTitle(shown.length, allClasses.length), tickCount: 7 },
            },
            x2: { field: 'high' },
            y,
            yOffset,
            color,
          },
        },
        { mark: { type: 'point', size: 45 }, encoding: { x: { field: 'value', ...x }, y, yOffset, color } },
      ],
    },
  };
}

/** Indices of the classes to draw, in class order: all, or those whose mean F1 over the systems is lowest. */
function drawnClasses(systems: readonly Metrics[]): number[] {
  const total = systems[0].perClass.map((_, k) =>
    systems.reduce((sum, { perClass }) => sum + perClass[k].f1.value, 0),
  );
  return [...total.keys()]
    .sort((a, b) => total[a] - total[b])
    .slice(0, MOST_CLASSES)
    .sort((a, b) => a - b);
}

function axisTitle(shown: number, all: number): string {
  return `F1 (95 % interval)${shown < all ? `, the ${shown} lowest of ${all} classes` : ''}`;
}
