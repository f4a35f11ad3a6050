/**
 * What each analysis has to say in the report of a run and in comparisons: its figures and its words, made of the parts that
 * its own report is made of.
 */
import type { Analyses, AnalysisName } from './analyses.ts';
import { commonRobustness, hasMore } from './common-robustness.ts';
import { energySources, energyWarnings, modelsPart, nanojoulePart, partsBlock } from './energy-report.ts';
import { methodTable } from './explain-report.ts';
import { faithfulnessPart, faithfulnessSources } from './faithfulness-section.ts';
import type { Figure, FigureSource } from './figure.ts';
import type { EnergyRun } from './figures/energy-figures.ts';
import { labelJointFigure } from './figures/label-joint-figure.ts';
import { rasterFigure } from './figures/raster-figure.ts';
import { robustnessFigure } from './figures/robustness-figure.ts';
import { rateFigure, suppressionFigure } from './figures/spike-figures.ts';
import { whole } from './format.ts';
import { type HtmlValue, html } from './html.ts';
import { spikeTotalsTable } from './measured-tables.ts';
import { plateImage, resultBlock } from './page.ts';
import { jointBlock, reviewTiles } from './review-page.ts';
import { costsPart } from './robustness-report.ts';
import type { NamedRun } from './setup-sections.ts';
import { attentionPart, rasterBlock, ratesPart } from './spikes-report.ts';

/** A run with what an analysis found, under the name that it has in this report. */
export interface Analysed<Name extends AnalysisName> {
  readonly name: string;
  readonly found: NonNullable<Analyses[Name]>;
}

export interface Section<Name extends AnalysisName> {
  readonly title: string;
  /** What there would be, for a list. */
  readonly what: string;
  /** The command that measures runs, by their folders. */
  readonly command: (runs: readonly string[]) => string;
  /** True where it keeps what it finds of the first of them only. */
  readonly oneByOne?: boolean;
  /** Left out: every run can be measured. */
  readonly applies?: (run: NamedRun) => boolean;
  /** False where results of several runs do not belong side by side. */
  readonly compared: boolean;
  /** What must be the same for that. */
  same(found: NonNullable<Analyses[Name]>): unknown;
  /** What it was measured on. */
  about(found: NonNullable<Analyses[Name]>): string;
  sources(runs: readonly Analysed<Name>[]): FigureSource[];
  body(runs: readonly Analysed<Name>[], figure: (slug: string) => Figure | undefined): HtmlValue;
}

const isSpiking = ({ run }: NamedRun) =>
  run.history.some(({ rates }) => rates !== undefined && Object.keys(rates).length > 0);

const ratesSlug = (i: number) => `spike-rates-${i + 1}`;

const spikes: Section<'spikes'> = {
  title: 'Spikes',
  what: 'Firing rates of each layer and step, silent neurons, output spikes over time',
  command: (runs) => ['soma spikes', ...runs].join(' '),
  applies: isSpiking,
  compared: true,
  same: ({ data, spikes: { images } }) => [data, images],
  about: ({ data, spikes: { images } }) => `${whole(images)} images of ${data}`,
  sources: (runs) => [
    ...runs.map(({ name, found }, i) => rateFigure(ratesSlug(i), name, found.spikes.layers)),
    ...suppressionsOf(runs),
    ...rasterOf(runs),
  ],
  body: (runs, figure) => {
    const counted = runs.map(({ name, found }) => ({ name, spikes: found.spikes }));
    const [suppression, raster] = ['suppression', 'output-raster'].map(figure);
    return [
      counted.length > 1 && resultBlock(spikeTotalsTable(counted)),
      ratesPart(
        counted,
        runs.flatMap((_, i) => figure(ratesSlug(i)) ?? []),
      ),
      suppression && html`<h3>Attention blocks</h3>\n${attentionPart(counted, suppression)}`,
      raster && html`<h3>Output spikes over time</h3>\n${rasterBlock(raster)}`,
    ];
  },
};

function suppressionsOf(runs: readonly Analysed<'spikes'>[]): FigureSource[] {
  const suppressing = runs.flatMap(({ name, found: { spikes: of } }) =>
    of.suppressions.length > 0 ? [{ name, suppressions: of.suppressions }] : [],
  );
  return suppressing.length > 0 ? [suppressionFigure(suppressing)] : [];
}

/** Of one run: of several there would be many. */
function rasterOf(runs: readonly Analysed<'spikes'>[]): FigureSource[] {
  const [{ name, found }] = runs;
  const { rasters, classes } = found.spikes;
  return runs.length === 1 && rasters.length > 0
    ? [rasterFigure('output-raster', name, classes, rasters)]
    : [];
}

const energyOf = (runs: readonly Analysed<'energy'>[]): EnergyRun[] =>
  runs.map(({ name, found }) => ({ name, energy: found.energy }));

const energy: Section<'energy'> = {
  title: 'Energy',
  what: 'Energy of an image by three models, and of the dense twin',
  command: (runs) => ['soma energy', ...runs].join(' '),
  compared: true,
  // Nothing is compared image by image, so that the data may differ.
  same: ({ split, onChip }) => [split, onChip],
  about: ({ data, energy: { images }, machine }) =>
    `Firing rates of ${whole(images)} images of ${data}; time on ${machine}, one image at a time, median`,
  sources: (runs) => energySources(energyOf(runs)),
  body: (runs, figure) => {
    const of = { ...runs[0].found, runs: energyOf(runs) };
    const [models, parts, epochs] = ['energy', 'energy-parts', 'energy-epochs'].map(figure);
    return [
      energyWarnings(of.runs),
      models && modelsPart(of, models),
      parts && partsBlock(parts),
      of.runs.some((run) => run.energy.spikes) && nanojoulePart(of, epochs),
    ];
  },
};

const robustness: Section<'robustness'> = {
  title: 'Robustness',
  what: 'Accuracy on corrupted images',
  command: (runs) => ['soma robustness', ...runs].join(' '),
  compared: true,
  same: ({ data, images, seed }) => [data, images, seed],
  about: ({ data, images, seed }) => `${whole(images)} images of ${data}, corrupted by seed ${seed}`,
  sources: (runs) => {
    const common = commonRobustness(runs);
    return common.length > 0 ? [robustnessFigure(common)] : [];
  },
  body: (runs, figure) => {
    const curves = figure('robustness');
    if (!curves) return html`<p>No corruption was measured of all of these runs.</p>`;
    return [
      hasMore(runs) &&
        html`<p>Only corruptions and severities that were measured of all of these runs stand here.</p>`,
      costsPart(commonRobustness(runs), curves),
    ];
  },
};

function explainCommand([first, ...others]: readonly string[]): string {
  return ['soma explain', first, ...others.flatMap((other) => ['--against', other])].join(' ');
}

const explain: Section<'explain'> = {
  title: 'What it looks at',
  what: 'Heat maps of what it looks at',
  command: explainCommand,
  oneByOne: true,
  compared: true,
  same: ({ data, images }) => [data, images],
  about: ({ data, images }) => `${whole(images)} images of ${data}; the first of each class`,
  sources: () => [],
  body: (runs) => [
    html`<p>A heat map shows what moves one number of a network on one image. It does not show that the network is right, nor that the hot place is the reason that a person would give.</p>`,
    runs.map(({ name, found: { plate, methods } }, i) => [
      runs.length > 1 && html`<h3>${name}</h3>\n`,
      plateImage(
        { ...plate, slug: `looks-at-${i + 1}` },
        `An image of each class, and what moves ${runs.length > 1 ? name : 'the network'} there. Below each what is true and what the network said; wrong answers in colour.`,
      ),
      methodTable(methods),
    ]),
  ],
};

const faithfulness: Section<'faithfulness'> = {
  title: 'How far to trust the maps',
  what: 'Whether heat maps are true to the network',
  command: (runs) => `${explainCommand(runs)} --faithfulness`,
  compared: true,
  same: ({ data, seed, result: { images, parts, fill } }) => [data, seed, images, parts, fill],
  about: ({ data, result: { images } }) => `${whole(images)} images of ${data}`,
  sources: (runs) => faithfulnessSources(runs.map(({ name, found }) => ({ name, result: found.result }))),
  body: (runs, figure) =>
    faithfulnessPart(
      runs.map(({ name, found }) => ({ name, result: found.result })),
      ['deletion-insertion', 'heat-on-nucleus'].flatMap((slug) => figure(slug) ?? []),
    ),
};

const review: Section<'review'> = {
  title: 'Labels worth a second look',
  what: 'Likely wrong labels, copies and outliers among the images that it has held out',
  command: (runs) => ['soma review', ...runs].join(' '),
  compared: false,
  same: () => null,
  about: ({ data, method }) => `${data}. ${method.replace(/\.$/, '')}`,
  sources: ([{ found }]) => [labelJointFigure(found.numbers.joint, found.numbers.classes)],
  body: ([{ found }], figure) => {
    const joint = figure('label-joint');
    return [reviewTiles(found.numbers), joint && jointBlock(joint)];
  },
};

export const SECTIONS: { readonly [Name in AnalysisName]: Section<Name> } = {
  robustness,
  spikes,
  energy,
  explain,
  faithfulness,
  review,
};
