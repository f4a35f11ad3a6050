/** Energy drawn: what the models say of each network and of its dense twin, and where it goes. */
import type { LayerEnergy, NetworkEnergy, RunEnergy } from '../../train/energy.ts';
import type { FigureSource } from '../figure.ts';
import { decimal, joules } from '../format.ts';
import { rowNames, textWidth } from '../text-width.ts';
import { COLOURS, categoryColour, INK } from '../theme.ts';

export interface EnergyRun {
  readonly name: string;
  readonly energy: RunEnergy;
}

const PICO = 1e-12;
const WIDTH = 460;
const BAR = 17;

interface Series {
  readonly name: string;
  readonly colour: string;
  /** Joules of an image by each model; null where a model says nothing. */
  readonly models: readonly (number | null)[];
  readonly milliseconds: number;
  readonly network: NetworkEnergy;
}

const MODELS = ['1 nJ a spike', 'operations, 45 nm', 'operations and memory'];

/** Runs, each followed by its dense twin in a tint of its colour. */
function seriesOf(runs: readonly EnergyRun[]): Series[] {
  const names = rowNames(runs.map(({ name }) => name));
  return runs.flatMap(({ energy: { spikes, network, twin } }, r) => {
    const colour = categoryColour(r);
    const of = (each: NetworkEnergy, perSpike: number | null) => ({
      models: [perSpike, PICO * each.totals.operations, PICO * each.totals.all],
      milliseconds: each.milliseconds.median,
      network: each,
    });
    const own = { name: names[r], colour, ...of(network, spikes?.joulesPerImage ?? null) };
    return twin ? [own, { name: `${names[r]}, dense twin`, colour: tint(colour), ...of(twin, null) }] : [own];
  });
}

/** The colour with two thirds of white. */
function tint(colour: string): string {
  const channels = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return `#${channels
    .map((value) =>
      Math.round(255 - (255 - value) * 0.38)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}

/** Dots on a logarithmic axis, where lengths of bars would mean nothing; each has its number. */
export function energyFigure(runs: readonly EnergyRun[]): FigureSource {
  const series = seriesOf(runs);
  const rows = series.flatMap(({ name, models }) =>
    models.flatMap((value, m) =>
      value === null ? [] : [{ name, model: MODELS[m], value, text: joules(value) }],
    ),
  );
  const present = MODELS.filter((model) => rows.some((row) => row.model === model));
  const values = rows.map(({ value }) => value).filter((value) => value > 0);
  const domain = [
    10 ** Math.floor(Math.log10(Math.min(...values) / 2)),
    10 ** Math.ceil(Math.log10(Math.max(...values) * 1.01)),
  ];
  const names = series.map(({ name }) => name);
  const y = {
    field: 'model',
    type: 'nominal' as const,
    sort: present,
    axis: { title: null, ticks: false, domain: false, labelPadding: 10 },
    scale: { paddingInner: 0.3, paddingOuter: 0.1 },
  };
  const yOffset = { field: 'name', type: 'nominal' as const, sort: names };
  const x = {
    field: 'value',
    type: 'quantitative' as const,
    scale: { type: 'log' as const, domain, nice: false },
    axis: {
      title: 'joules per image, logarithmic',
      grid: true,
      values: decades(domain[0], domain[1]),
      labelExpr: ENERGY_LABEL,
    },
  };
  return {
    slug: 'energy',
    title: 'Energy of one image by three models',
    description: series
      .map(
        ({ name, models, milliseconds }) =>
          `${name}: ${models.flatMap((value, m) => (value === null ? [] : [`${MODELS[m]} ${joules(value)}`])).join(', ')}; ${decimal(milliseconds, 2)} ms measured.`,
      )
      .join(' '),
    spec: {
      width: WIDTH,
      height: present.length * (series.length * BAR + 18),
      data: { values: rows },
      layer: [
        {
          mark: { type: 'point', size: 75 },
          encoding: {
            y,
            yOffset,
            x,
            color: {
              field: 'name',
              type: 'nominal',
              scale: { domain: names, range: series.map(({ colour }) => colour) },
              legend: {
                orient: 'top',
                columns: 2,
                symbolType: 'circle',
                symbolSize: 75,
                symbolStrokeWidth: 0,
              },
            },
          },
        },
        {
          mark: { type: 'text', align: 'left', dx: 9, fontSize: 11, color: INK },
          encoding: { y, yOffset, x, text: { field: 'text' } },
        },
      ],
    },
  };
}

function decades(low: number, high: number): number[] {
  const first = Math.round(Math.log10(low));
  return Array.from({ length: Math.round(Math.log10(high)) - first + 1 }, (_, i) => 10 ** (first + i));
}

/** A power of ten in the unit that it belongs to. */
const ENERGY_LABEL =
  "datum.value < 0.9e-9 ? format(datum.value * 1e12, '~r') + ' pJ' : datum.value < 0.9e-6 ? format(datum.value * 1e9, '~r') + ' nJ' : " +
  "datum.value < 0.9e-3 ? format(datum.value * 1e6, '~r') + ' µJ' : datum.value < 0.9 ? format(datum.value * 1e3, '~r') + ' mJ' : format(datum.value, '~r') + ' J'";

const PARTS: readonly (readonly [name: string, colour: string, of: (row: LayerEnergy) => number])[] = [
  [
    'operations: layers on real numbers',
    COLOURS.vermilion,
    ({ kind, rate, operations }) => (kind === 'synapses' && rate === null ? operations : 0),
  ],
  [
    'operations: layers on spikes',
    COLOURS.orange,
    ({ kind, rate, operations }) => (kind === 'synapses' && rate !== null ? operations : 0),
  ],
  [
    'operations: neurons, BatchNorm',
    COLOURS.purple,
    ({ kind, operations }) => (kind === 'synapses' ? 0 : operations),
  ],
  ['memory: weights', COLOURS.blue, ({ traffic }) => traffic.weights],
  ['memory: membranes and sums', COLOURS.green, ({ traffic }) => traffic.membranes],
  ['memory: inputs and results', COLOURS.sky, ({ traffic }) => traffic.activations],
];

/** Stacked bars of operations and of memory traffic, for each network and each dense twin. */
export function energyPartsFigure(runs: readonly EnergyRun[]): FigureSource {
  const series = seriesOf(runs);
  const names = series.map(({ name }) => name);
  const rows = series.flatMap(({ name, network }) =>
    PARTS.map(([part, , of], order) => ({
      name,
      part,
      order,
      value: PICO * network.layers.reduce((sum, row) => sum + of(row), 0),
    })),
  );
  const most = Math.max(...series.map(({ network }) => PICO * network.totals.all));
  const [factor, unit] =
    most < 5e-7 ? [1e9, 'nJ'] : most < 5e-4 ? [1e6, 'µJ'] : most < 0.5 ? [1e3, 'mJ'] : [1, 'J'];
  return {
    slug: 'energy-parts',
    title: 'Where the energy goes',
    description: series
      .map(
        ({ name }) =>
          `${name}: ${rows
            .flatMap((row) =>
              row.name === name && row.value > 0 ? [`${row.part} ${joules(row.value)}`] : [],
            )
            .join(', ')}.`,
      )
      .join(' '),
    spec: {
      width: WIDTH + 170 - Math.max(...names.map((name) => textWidth(name, 11))) / 2,
      height: series.length * 30,
      data: { values: rows.map((row) => ({ ...row, value: row.value * factor })) },
      mark: { type: 'bar', height: { band: 0.7 } },
      encoding: {
        y: {
          field: 'name',
          type: 'nominal',
          sort: names,
          axis: { title: null, ticks: false, domain: false },
        },
        x: {
          field: 'value',
          type: 'quantitative',
          stack: 'zero',
          scale: { nice: true },
          axis: { title: `${unit} per image, operations and memory`, grid: true, tickCount: 6 },
        },
        order: { field: 'order' },
        color: {
          field: 'part',
          type: 'nominal',
          scale: { domain: PARTS.map(([part]) => part), range: PARTS.map(([, colour]) => colour) },
          legend: { orient: 'top', columns: 3, symbolType: 'square', symbolStrokeWidth: 0 },
        },
      },
    },
  };
}
