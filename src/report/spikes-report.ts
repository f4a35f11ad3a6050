/** What the neurons of one run or several do: rates, silent and saturated neurons, attention blocks, rasters, maps. */
import type { ImageShape } from '../data/image.ts';
import { type LayerSpikes, outputRaster } from '../measure/spikes.ts';
import type { RunSpikes, ShownImage } from '../train/spikes.ts';
import { drawFigure, type Figure } from './figure.ts';
import { featureMapFigure } from './figures/feature-maps.ts';
import { type RasterImage, rasterFigure } from './figures/raster-figure.ts';
import { rateFigure, suppressionFigure } from './figures/spike-figures.ts';
import { decimal, NONE, percent, whole } from './format.ts';
import { type Html, html } from './html.ts';
import { figureBlock, page, table, tiles } from './page.ts';

/** What neurons did, as numbers: all but the spikes of maps. */
export interface SpikeNumbers extends Omit<RunSpikes, 'shown'> {
  readonly classes: readonly string[];
  /** Of the neurons of the classes, for the images that are shown; empty where there are none. */
  readonly rasters: readonly RasterImage[];
}

export function spikeNumbers({ shown, ...rest }: RunSpikes, classes: readonly string[]): SpikeNumbers {
  const { output } = rest;
  const rasters = shown.flatMap(({ name, label, predicted, trains }) =>
    output === null
      ? []
      : [{ name, label, predicted, raster: outputRaster(trains[output].spikes, classes.length) }],
  );
  return { ...rest, classes, rasters };
}

/** A run whose spikes were counted. */
export interface CountedRun {
  readonly name: string;
  readonly spikes: Omit<RunSpikes, 'shown'>;
}

export interface SpikingRun {
  readonly name: string;
  readonly spikes: RunSpikes;
  /** Pixels of each shown image, NHWC, in the order of `spikes.shown`. */
  readonly pictures: readonly Uint8Array[];
  readonly shape: ImageShape;
}

export interface SpikesPage {
  readonly runs: readonly SpikingRun[];
  /** Name of the data and of the split. */
  readonly data: string;
  readonly classes: readonly string[];
}

/** All figures of a run; those of several runs have the number of the run in their names. */
interface RunFigures {
  readonly rates: Figure;
  readonly raster?: Figure;
  readonly maps: readonly { readonly figure: Figure; readonly layer: string; readonly image: ShownImage }[];
}

export interface SpikesFigures {
  readonly runs: readonly RunFigures[];
  readonly suppression?: Figure;
}

export async function spikesFigures({ runs, classes }: SpikesPage): Promise<SpikesFigures> {
  const suppressing = runs.flatMap(({ name, spikes: { suppressions } }) =>
    suppressions.length > 0 ? [{ name, suppressions }] : [],
  );
  const drawn: RunFigures[] = [];
  for (const [r, run] of runs.entries()) {
    const suffix = runs.length > 1 ? `-${r + 1}` : '';
    drawn.push({
      rates: await drawFigure(rateFigure(`firing-rates${suffix}`, run.name, run.spikes.layers)),
      ...(await rasterOf(run, `output-raster${suffix}`, classes)),
      maps: await mapsOf(run, suffix),
    });
  }
  return {
    runs: drawn,
    ...(suppressing.length > 0 ? { suppression: await drawFigure(suppressionFigure(suppressing)) } : {}),
  };
}

async function rasterOf({ name, spikes }: SpikingRun, slug: string, classes: readonly string[]) {
  const { rasters } = spikeNumbers(spikes, classes);
  if (rasters.length === 0) return {};
  return { raster: await drawFigure(rasterFigure(slug, name, classes, rasters)) };
}

async function mapsOf({ name, spikes, pictures, shape }: SpikingRun, suffix: string) {
  const maps = [];
  for (const [i, image] of spikes.shown.entries())
    for (const [layer, train] of Object.entries(image.trains)) {
      if (train.shape.length !== 3) continue;
      const slug = `feature-maps${suffix}-${layer.replaceAll('.', '-')}-${i + 1}`;
      const title = `Spikes of ${layer} of ${name} for ${image.name}`;
      const input = { shape, data: pictures[i] };
      const figure = await featureMapFigure({ slug, title, layer, ...train, input });
      maps.push({ figure, layer, image });
    }
  return maps;
}

/** The figures in the order in which they stand on the page. */
export function allFigures({ runs, suppression }: SpikesFigures): Figure[] {
  return [
    ...runs.map(({ rates }) => rates),
    ...(suppression ? [suppression] : []),
    ...runs.flatMap(({ raster }) => raster ?? []),
    ...runs.flatMap(({ maps }) => maps.map(({ figure }) => figure)),
  ];
}

/** Where several runs stand in a report, what is said is said of one of them. */
const ofRun = ({ length }: readonly unknown[], name: string) => (length > 1 ? ` of ${name}` : '');

/** Rates of the layers of each run. */
export function ratesPart(runs: readonly CountedRun[], rates: readonly Figure[]): Html {
  return html`<p>A rate is the share of a layer’s neurons that fire in one time step: spikes per neuron and step, counted over all images. Spikes per neuron and sample are T times as many; which of the two a publication means has to be asked. A neuron is dead where it fires in no step of any of these images, and saturated where it fires in every step of all of them; neither says anything about other images.</p>
${runs.map(
  ({ name, spikes }, r) => html`${figureBlock(
    rates[r],
    `Neurons that fire in each step${ofRun(runs, name)}, and how many of them never and always do.`,
  )}
${layerTable(
  `Spikes${ofRun(runs, name)}: per neuron and step, per neuron and sample, and of the whole layer per image with the 5th and 95th percentile.`,
  spikes,
)}`,
)}`;
}

/** What attention blocks suppress, and what fires behind them. */
export function attentionPart(runs: readonly CountedRun[], suppression: Figure): Html {
  return html`<p>The neurons of such a block fire where a map is least salient, and take away what stands there. The rate of these neurons is the share that is suppressed.</p>
${figureBlock(suppression, 'Above: share of the current that each block suppresses in each step. Below: how many neurons fire in the layer right behind it.')}
${runs.map(({ name, spikes }) => suppressionTable(`Suppressed in each step, and rates of the layers behind${ofRun(runs, name)}, %.`, spikes))}`;
}

/** @param of for people: whose spikes, where there are several */
export function rasterBlock(raster: Figure, of = ''): Html {
  return figureBlock(
    raster,
    `Left: the steps in which the neuron of each class fires${of}. Right: its spikes so far. The class with the most spikes in the end wins.`,
  );
}

export function renderSpikes({ runs, data, classes }: SpikesPage, figures: SpikesFigures): string {
  const several = runs.length > 1;
  const of = (name: string) => ofRun(runs, name);
  const rasters = figures.runs.some(({ raster }) => raster);
  const maps = figures.runs.some((each) => each.maps.length > 0);
  return page(
    `Spikes on ${data} – Soma`,
    html`<header>
<h1>Spikes of ${runs.map(({ name }) => name).join(', ')}</h1>
<p class="lead">${whole(runs[0].spikes.images)} images of ${data}</p>
</header>
<main>
${tiles(runs.flatMap((run) => tilesOf(run, several)))}
<section id="rates"><h2>Firing rates</h2>
${ratesPart(
  runs,
  figures.runs.map(({ rates }) => rates),
)}</section>
${figures.suppression && html`<section id="attention"><h2>Attention blocks</h2>\n${attentionPart(runs, figures.suppression)}</section>`}
${
  rasters &&
  html`<section id="raster"><h2>Output spikes over time</h2>
${runs.map(({ name }, r) => {
  const { raster } = figures.runs[r];
  return raster && rasterBlock(raster, of(name));
})}</section>`
}
${
  maps &&
  html`<section id="maps"><h2>Feature maps over time</h2>
${figures.runs.flatMap((each, r) =>
  each.maps.map(({ figure, layer, image }) =>
    figureBlock(
      figure,
      `Spikes of the busiest maps of ${layer}${of(runs[r].name)}, a row for each step; dark where a neuron fires. Below, how often each fired. Image ${image.name}: ${classes[image.label]}, ${image.label === image.predicted ? 'recognised' : `taken for ${classes[image.predicted]}`}.`,
    ),
  ),
)}</section>`
}
</main>`,
  );
}

function tilesOf({ name, spikes: { layers, accuracy } }: SpikingRun, several: boolean) {
  const { rate, perImage, dead, neurons } = totals(layers);
  const prefix = several ? `${name}: ` : '';
  return [
    {
      name: `${prefix}spikes per neuron and step`,
      value: decimal(rate, 4),
      note: `accuracy ${percent(accuracy)}`,
    },
    {
      name: `${prefix}spikes per image`,
      value: whole(perImage),
      note: `of ${whole(neurons)} neurons`,
    },
    { name: `${prefix}dead neurons`, value: percent(dead / neurons, 1), note: whole(dead) },
  ];
}

/** Of all layers together. */
export function totals(layers: readonly LayerSpikes[]) {
  const sum = (of: (layer: LayerSpikes) => number) => layers.reduce((total, layer) => total + of(layer), 0);
  const neurons = sum((layer) => layer.neurons);
  const perImage = sum(({ perImage: { mean } }) => mean);
  const places = sum((layer) => layer.neurons * layer.steps);
  return {
    neurons,
    perImage,
    /** Spikes per neuron and step. */
    rate: perImage / places,
    perSample: perImage / neurons,
    dead: sum((layer) => layer.dead),
    saturated: sum((layer) => layer.saturated),
  };
}

function layerTable(caption: string, { layers }: CountedRun['spikes']): Html {
  const all = totals(layers);
  return table(
    caption,
    [
      { title: 'layer' },
      { title: 'neurons', number: true },
      { title: 'per step', number: true },
      { title: 'per sample', number: true },
      { title: 'per image (5–95 %)', number: true },
      { title: 'dead', number: true },
      { title: 'saturated', number: true },
      { title: 'silent maps', number: true },
    ],
    layers.map(({ layer, shape, neurons, perStep, perSample, perImage, dead, saturated, deadMaps }) => ({
      cells: [
        layer,
        shape.join('×'),
        decimal(perStep, 4),
        decimal(perSample, 3),
        `${decimalFor(perImage.mean)} (${whole(perImage.p5)}–${whole(perImage.p95)})`,
        countOf(dead, neurons),
        countOf(saturated, neurons),
        deadMaps === undefined ? NONE : `${deadMaps} of ${shape[0]}`,
      ],
    })),
    [
      {
        cells: [
          'all',
          whole(all.neurons),
          decimal(all.rate, 4),
          decimal(all.perSample, 3),
          decimalFor(all.perImage),
          countOf(all.dead, all.neurons),
          countOf(all.saturated, all.neurons),
          '',
        ],
      },
    ],
  );
}

/** Small counts with their fraction: of eight output neurons 1.6 spikes are not 2. */
function decimalFor(count: number): string {
  return count < 100 ? decimal(count, 2) : whole(count);
}

function countOf(count: number, all: number): string {
  return count === 0 ? '0' : `${whole(count)} (${percent(count / all, 1)})`;
}

function suppressionTable(caption: string, { suppressions }: CountedRun['spikes']): Html | false {
  if (suppressions.length === 0) return false;
  const steps = suppressions[0].suppressed.map((_, t) => ({ title: `step ${t + 1}`, number: true }));
  return table(
    caption,
    [{ title: 'block' }, ...steps, { title: 'mean', number: true }],
    suppressions.flatMap(({ block, suppressed, mean, behind, position, rates }) => [
      {
        cells: [
          `${block}, suppressed`,
          ...suppressed.map((share) => decimal(100 * share, 2)),
          decimal(100 * mean, 2),
        ],
      },
      ...(behind === null
        ? []
        : [
            {
              cells: [
                `${behind} (LIF layer ${position}), fires`,
                ...rates.map((rate) => decimal(100 * rate, 2)),
                decimal((100 * rates.reduce((sum, rate) => sum + rate, 0)) / rates.length, 2),
              ],
            },
          ]),
    ]),
  );
}
