/** Spikes over many images, drawn: rates of layers by step, and what attention blocks suppress. */
import type { LayerSpikes, Suppression } from '../../measure/spikes.ts';
import type { FigureSource } from '../figure.ts';
import { decimal, percent, whole } from '../format.ts';
import { legendColumns, rowNames, shortNames } from '../text-width.ts';
import { COLOURS, categoryColours, categoryDashes, GRID, INK, PERCENT_AXIS, SHADES } from '../theme.ts';

const ROW = 22;
/** Width of the rates; a cell is at most so wide. */
const RATES = 430;
const CELL = 58;

/** Layers by steps, the rate as a shade and a number; beside it how many neurons never or always fire. */
export function rateFigure(slug: string, name: string, layers: readonly LayerSpikes[]): FigureSource {
  const labels = rowNames(layers.map(({ layer }) => layer));
  const steps = Math.max(...layers.map((each) => each.steps));
  const cells = layers.flatMap(({ rates }, i) =>
    rates.map((rate, t) => ({ layer: labels[i], step: t + 1, rate, text: decimal(100 * rate, 1) })),
  );
  const highest = Math.max(...cells.map(({ rate }) => rate));
  const kinds = ['never fire', 'fire at times', 'always fire'];
  const shares = layers.flatMap(({ neurons, dead, saturated }, i) =>
    [dead, neurons - dead - saturated, saturated].map((count, k) => ({
      layer: labels[i],
      kind: kinds[k],
      order: k,
      share: count / neurons,
    })),
  );
  const width = Math.min(RATES, steps * CELL);
  const height = layers.length * ROW;
  const rows = (axis: object | null) => ({
    field: 'layer',
    type: 'nominal' as const,
    sort: labels,
    axis,
  });
  const x = {
    field: 'step',
    type: 'ordinal' as const,
    axis: { title: 'time step', labelAngle: 0, grid: false, ticks: false, domain: false },
  };
  const readable = width / steps >= 32;
  return {
    slug,
    title: `Firing rates of ${name}`,
    description: `Share of neurons that fire in each of ${steps} steps. ${layers
      .map(
        ({ layer, rates, dead, saturated, neurons }) =>
          `${layer}: ${rates.map((rate) => percent(rate, 1)).join(', ')}; of ${whole(neurons)} neurons ${whole(dead)} never and ${whole(saturated)} always fire.`,
      )
      .join(' ')}`,
    spec: {
      hconcat: [
        {
          title: { text: 'Neurons that fire in a step, %', fontSize: 12, fontWeight: 'normal' },
          width,
          height,
          data: { values: cells },
          encoding: {
            x,
            y: rows({ title: null, grid: false, ticks: false, domain: false }),
          },
          layer: [
            {
              mark: { type: 'rect', stroke: '#FFFFFF', strokeWidth: 1 },
              encoding: {
                color: {
                  field: 'rate',
                  type: 'quantitative',
                  scale: { domain: [0, highest || 1], range: [...SHADES], interpolate: 'rgb' },
                  legend: null,
                },
              },
            },
            ...(readable
              ? [
                  {
                    mark: { type: 'text' as const, fontSize: 10 },
                    encoding: {
                      text: { field: 'text' },
                      color: {
                        condition: { test: `datum.rate > ${0.68 * highest}`, value: '#FFFFFF' },
                        value: INK,
                      },
                    },
                  },
                ]
              : []),
          ],
        },
        {
          title: { text: 'Neurons over all images', fontSize: 12, fontWeight: 'normal' },
          width: 150,
          height,
          data: { values: shares },
          mark: { type: 'bar', height: { band: 0.72 } },
          encoding: {
            y: rows(null),
            x: {
              field: 'share',
              type: 'quantitative',
              stack: 'zero',
              scale: { domain: [0, 1], nice: false },
              axis: { title: null, values: [0, 0.5, 1], ...PERCENT_AXIS, grid: false },
            },
            order: { field: 'order' },
            color: {
              field: 'kind',
              type: 'nominal',
              scale: { domain: kinds, range: [COLOURS.vermilion, GRID, COLOURS.blue] },
              legend: { orient: 'right', symbolType: 'square', symbolStrokeWidth: 0 },
            },
          },
        },
      ],
      spacing: 24,
      resolve: { scale: { color: 'independent' } },
    },
  };
}

export interface NamedSuppressions {
  readonly name: string;
  readonly suppressions: readonly Suppression[];
}

/** A column for each run: above what its blocks suppress in each step, below how the layers behind them fire. */
export function suppressionFigure(runs: readonly NamedSuppressions[]): FigureSource {
  const names = shortNames(runs.map(({ name }) => name));
  const blocks = [...new Set(runs.flatMap(({ suppressions }) => suppressions.map(({ block }) => block)))];
  const behind = (s: Suppression) =>
    s.position === null ? s.block : `${s.block}, then LIF layer ${s.position}`;
  const labels = blocks.map((block) => {
    const found = runs.flatMap(({ suppressions }) => suppressions).find((s) => s.block === block);
    return found ? behind(found) : block;
  });
  const rows = runs.flatMap(({ suppressions }, r) =>
    suppressions.flatMap(({ block, suppressed, rates }) =>
      [suppressed, rates].flatMap((values, panel) =>
        values.map((value, t) => ({
          ...{ run: names[r], panel, step: t + 1, value },
          block: labels[blocks.indexOf(block)],
        })),
      ),
    ),
  );
  const steps = Math.max(...rows.map(({ step }) => step));
  const width = Math.max(170, Math.min(380, 560 / names.length));
  const panel = (which: number, title: string) => {
    const highest = Math.max(0, ...rows.flatMap((row) => (row.panel === which ? [row.value] : [])));
    return {
      hconcat: names.map((run, r) => ({
        ...(which === 0 ? { title: { text: run, fontSize: 12 } } : {}),
        width,
        height: 150,
        transform: [{ filter: { and: [`datum.panel === ${which}`, { field: 'run', equal: run }] } }],
        mark: { type: 'line' as const, point: { size: 36 } },
        encoding: {
          x: {
            field: 'step',
            type: 'quantitative' as const,
            scale: { domain: [1, Math.max(2, steps)], nice: false, padding: 8 },
            axis: {
              title: which === 1 ? 'time step' : null,
              format: 'd',
              grid: false,
              ...(steps <= 10 ? { values: Array.from({ length: steps }, (_, t) => t + 1) } : {}),
            },
          },
          y: {
            field: 'value',
            type: 'quantitative' as const,
            scale: { domain: [0, highest || 1], nice: true },
            axis: { title: r === 0 ? title : null, tickCount: 5, ...PERCENT_AXIS },
          },
          color: {
            field: 'block',
            type: 'nominal' as const,
            scale: categoryColours(labels),
            legend: {
              orient: 'top' as const,
              symbolType: 'stroke' as const,
              columns: legendColumns(labels, names.length * width),
            },
          },
          strokeDash: {
            field: 'block',
            type: 'nominal' as const,
            scale: categoryDashes(labels),
          },
        },
      })),
      spacing: 20,
    };
  };
  return {
    slug: 'suppression',
    title: 'What the attention blocks suppress',
    description: runs
      .map(
        ({ name, suppressions }) =>
          `${name}: ${suppressions
            .map(
              (s) =>
                `${s.block} suppresses ${s.suppressed.map((share) => percent(share, 1)).join(', ')}; the layer behind fires ${s.rates.map((rate) => percent(rate, 1)).join(', ')}`,
            )
            .join('; ')}.`,
      )
      .join(' '),
    spec: {
      data: { values: rows },
      vconcat: [panel(0, 'suppressed'), panel(1, 'firing behind the block')],
      spacing: 22,
      resolve: { scale: { color: 'shared', strokeDash: 'shared' } },
    },
  };
}
