/** Curves of deletion and insertion, and heat on the nucleus, of methods and controls. */
import { CONTROLS, type Faithfulness, type Ranking } from '../../explain/faithfulness.ts';
import { METHODS, type MethodName } from '../../explain/methods.ts';
import type { FigureSource } from '../figure.ts';
import { decimal, percent } from '../format.ts';
import { rowNames } from '../text-width.ts';
import { COLOURS, categoryColour, FAINT_INK, GRID, PERCENT_AXIS } from '../theme.ts';

export interface FaithfulRun {
  readonly name: string;
  readonly result: Faithfulness;
}

const CONTROL_TITLES: Readonly<Record<(typeof CONTROLS)[number], string>> = {
  random: 'drawn order',
  centre: 'the middle',
};

export function rankingTitle(ranking: Ranking): string {
  return isControl(ranking) ? CONTROL_TITLES[ranking] : METHODS[ranking].title;
}

export function isControl(ranking: Ranking): ranking is (typeof CONTROLS)[number] {
  return CONTROLS.some((control) => control === ranking);
}

/** Methods of all runs, and behind them the controls; each method has one colour whatever else is shown. */
function scalesOf(runs: readonly FaithfulRun[]) {
  const methods = (Object.keys(METHODS) as MethodName[]).filter((method) =>
    runs.some(({ result }) => result.rankings.some(({ ranking }) => ranking === method)),
  );
  const rankings: Ranking[] = [...methods, ...CONTROLS];
  const colour = (ranking: Ranking, i: number) =>
    ranking === 'random' ? COLOURS.grey : ranking === 'centre' ? COLOURS.black : categoryColour(i);
  return {
    domain: rankings.map(rankingTitle),
    colours: rankings.map(colour),
    dashes: rankings.map((ranking) => (isControl(ranking) ? [4, 3] : [1, 0])),
  };
}

/** A row for each run: the probability of the explained class as pixels are taken away, and as they are put back. */
export function curvesFigure(runs: readonly FaithfulRun[]): FigureSource {
  const labels = rowNames(runs.map(({ name }) => name));
  const { domain, colours, dashes } = scalesOf(runs);
  const panel = (r: number, kind: 'deletion' | 'insertion') => ({
    width: 330,
    height: 200,
    title: { text: `${labels[r]}: ${kind}`, fontWeight: 'normal' as const },
    data: {
      values: runs[r].result.rankings.flatMap(({ ranking, curves }) =>
        curves[kind].map((probability, part) => ({
          ...{ probability, share: part / runs[r].result.parts },
          ranking: rankingTitle(ranking),
        })),
      ),
    },
    mark: { type: 'line' as const },
    encoding: {
      x: {
        field: 'share',
        type: 'quantitative' as const,
        axis: {
          title: kind === 'deletion' ? 'pixels taken away, hottest first' : 'pixels put back, hottest first',
          ...PERCENT_AXIS,
          tickCount: 5,
          grid: false,
        },
      },
      y: {
        field: 'probability',
        type: 'quantitative' as const,
        scale: { domain: [0, 1] },
        axis: { title: 'probability', tickCount: 5, grid: true, ...PERCENT_AXIS },
      },
      color: {
        field: 'ranking',
        type: 'nominal' as const,
        scale: { domain, range: colours },
        legend: { orient: 'top' as const, columns: 6, symbolType: 'stroke' },
      },
      strokeDash: { field: 'ranking', type: 'nominal' as const, scale: { domain, range: dashes } },
    },
  });
  return {
    slug: 'deletion-insertion',
    title: 'Deletion and insertion',
    description: runs
      .map(
        ({ name, result }) =>
          `${name}: ${result.rankings
            .map(
              ({ ranking, deletion, insertion }) =>
                `${rankingTitle(ranking)} deletion ${decimal(deletion.value, 3)}, insertion ${decimal(insertion.value, 3)}`,
            )
            .join('; ')}.`,
      )
      .join(' '),
    spec: { vconcat: runs.map((_, r) => ({ hconcat: [panel(r, 'deletion'), panel(r, 'insertion')] })) },
  };
}

/** Share of the heat on the nucleus and hits of the hottest pixel, with intervals; the rule is the nucleus's own area. */
export function nucleusFigure(runs: readonly FaithfulRun[]): FigureSource | null {
  const known = runs.filter(({ result }) => result.nucleusArea !== null);
  if (known.length === 0) return null;
  const labels = rowNames(known.map(({ name }) => name));
  const { domain, colours } = scalesOf(known);
  // The drawn order has no heat of its own: it is the area.
  const rows = known.flatMap(({ result }, r) =>
    result.rankings.flatMap(({ ranking, nucleus }) =>
      nucleus && ranking !== 'random' ? [{ run: labels[r], ranking: rankingTitle(ranking), nucleus }] : [],
    ),
  );
  const areas = known.map(({ result }, r) => ({ run: labels[r], area: result.nucleusArea?.value }));
  const panel = (title: string, figure: 'heat' | 'pointing', named: boolean) => {
    const x = { type: 'quantitative' as const, scale: { domain: [0, 1], nice: false } };
    const y = {
      field: 'ranking',
      type: 'nominal' as const,
      sort: domain,
      axis: { title: null, grid: false, ticks: false, domain: false, labels: named },
    };
    const color = {
      field: 'ranking',
      type: 'nominal' as const,
      scale: { domain, range: colours },
      legend: null,
    };
    return {
      data: { values: rows.map(({ nucleus, ...row }) => ({ ...row, ...nucleus[figure] })) },
      facet: {
        row: {
          field: 'run',
          type: 'nominal' as const,
          sort: labels,
          header: {
            title: null,
            labelAngle: 0,
            labelAlign: 'left' as const,
            labelOrient: 'top' as const,
            labelAnchor: 'start' as const,
          },
        },
      },
      spacing: 10,
      resolve: { scale: { y: 'independent' as const } },
      spec: {
        width: 250,
        height: { step: 22 },
        view: { stroke: GRID },
        layer: [
          {
            data: { values: areas.map(({ area }) => ({ area })).slice(0, 1) },
            mark: { type: 'rule' as const, strokeDash: [4, 3], color: FAINT_INK },
            encoding: { x: { ...x, field: 'area' } },
          },
          {
            mark: { type: 'rule' as const, strokeWidth: 2 },
            encoding: {
              x: { ...x, field: 'low', axis: { title, ...PERCENT_AXIS, tickCount: 5, grid: true } },
              x2: { field: 'high' },
              y,
              color,
            },
          },
          {
            mark: { type: 'point' as const, size: 55, opacity: 1 },
            encoding: { x: { ...x, field: 'value' }, y, color },
          },
        ],
      },
    };
  };
  return {
    slug: 'heat-on-nucleus',
    title: 'Heat on the nucleus',
    description: rows
      .map(
        ({ run, ranking, nucleus }) =>
          `${run}, ${ranking}: ${percent(nucleus.heat.value, 1)} of the heat, hottest pixel ${percent(nucleus.pointing.value, 1)}`,
      )
      .join('; '),
    spec: {
      hconcat: [
        panel('heat on the nucleus', 'heat', true),
        panel('hottest pixel on the nucleus', 'pointing', false),
      ],
    },
  };
}
