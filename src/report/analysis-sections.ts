/**
 * What analyses found, as sections of the report of a run and of comparisons, where runs that were measured alike stand side
 * by side. They are made of the same parts as the reports of the analyses. What has not been measured is named with the
 * command that would.
 */
import type { Analyses, AnalysisName } from './analyses.ts';
import { commonRobustness, hasMore } from './common-robustness.ts';
import { energyWarnings, modelsPart, nanojoulePart, partsBlock } from './energy-report.ts';
import { methodTable } from './explain-report.ts';
import { faithfulnessPart, faithfulnessSources } from './faithfulness-section.ts';
import type { Figure, FigureSource } from './figure.ts';
import { type EnergyRun, energyFigure, energyPartsFigure } from './figures/energy-figures.ts';
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
interface Analysed<Name extends AnalysisName> {
  readonly name: string;
  readonly found: NonNullable<Analyses[Name]>;
}

interface Section<Name extends AnalysisName> {
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
  sources: (runs) => [energyFigure(energyOf(runs)), energyPartsFigure(energyOf(runs))],
  body: (runs, figure) => {
    const of = { ...runs[0].found, runs: energyOf(runs) };
    const [models, parts] = ['energy', 'energy-parts'].map(figure);
    return [
      energyWarnings(of.runs),
      models && modelsPart(of, models),
      parts && partsBlock(parts),
      of.runs.some((run) => run.energy.spikes) && nanojoulePart(of),
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

const SECTIONS: { readonly [Name in AnalysisName]: Section<Name> } = {
  robustness,
  spikes,
  energy,
  explain,
  faithfulness,
  review,
};

const NAMES = Object.keys(SECTIONS) as AnalysisName[];

/** A run alone, or several under the names that they have in this report. */
type Runs = readonly NamedRun[];

interface Sorted<Name extends AnalysisName> {
  /** Measured alike; empty where there is nothing to show. */
  readonly shown: readonly (Analysed<Name> & { readonly run: NamedRun })[];
  readonly otherwise: readonly Analysed<Name>[];
  readonly missing: Runs;
}

function sort<Name extends AnalysisName>(name: Name, section: Section<Name>, runs: Runs): Sorted<Name> {
  const possible = runs.filter((run) => run.run.analyses !== undefined && (section.applies?.(run) ?? true));
  if (runs.length > 1 && !section.compared) return { shown: [], otherwise: [], missing: [] };
  const found = possible.flatMap((run) => {
    const own = run.run.analyses?.[name];
    return own ? [{ name: run.name, run, found: own as NonNullable<Analyses[Name]> }] : [];
  });
  const key = (of: NonNullable<Analyses[Name]>) => JSON.stringify(section.same(of));
  const shown = found.filter((each) => key(each.found) === key(found[0].found));
  return {
    shown,
    otherwise: found.filter((each) => !shown.includes(each)),
    missing: possible.filter((run) => !found.some((each) => each.run === run)),
  };
}

/** Runs that were measured alike by an analysis; of several, as the first of them that was measured. */
export function measuredAlike<Name extends AnalysisName>(name: Name, runs: Runs): readonly Analysed<Name>[] {
  const section: Section<Name> = SECTIONS[name];
  return sort(name, section, runs).shown;
}

/** What figures of analyses are drawn from. */
export function analysisSources(runs: Runs): FigureSource[] {
  const of = <Name extends AnalysisName>(name: Name) => {
    const section: Section<Name> = SECTIONS[name];
    const { shown } = sort(name, section, runs);
    return shown.length > 0 ? section.sources(shown) : [];
  };
  return NAMES.flatMap((name) => of(name));
}

/** A section for each analysis, and one for what is missing. */
export function analysisSections(runs: Runs, figure: (slug: string) => Figure | undefined): HtmlValue {
  const of = <Name extends AnalysisName>(name: Name): HtmlValue => {
    const section: Section<Name> = SECTIONS[name];
    const { shown, otherwise } = sort(name, section, runs);
    if (shown.length === 0) return null;
    const abouts = [...new Set(shown.map(({ found }) => section.about(found)))].map((about) => {
      const those = shown.filter(({ found }) => section.about(found) === about);
      return runs.length > 1 ? `${namesOf(those)}: ${about}` : about;
    });
    const command = section.command(shown.map(({ run }) => pathOf(run)));
    return html`<section id="analysis-${name}"><h2>${section.title}</h2>
<p class="lead">${abouts.join('. ')}. All of it: <code>${command}</code></p>
${section.body(shown, figure)}
${
  otherwise.length > 0 &&
  html`<p>Measured otherwise, and so not set beside these: ${otherwise
    .map((each) => `${each.name} (${section.about(each.found)})`)
    .join('; ')}.</p>`
}</section>
`;
  };
  return [NAMES.map((name) => of(name)), missingSection(runs)];
}

function missingSection(runs: Runs): HtmlValue {
  const of = <Name extends AnalysisName>(name: Name) => {
    const section: Section<Name> = SECTIONS[name];
    const { what, command, oneByOne } = section;
    const { missing } = sort(name, section, runs);
    const paths = missing.map(pathOf);
    const commands = oneByOne ? paths.map((path) => command([path])) : [command(paths)];
    return missing.length > 0 ? [{ what, commands, missing }] : [];
  };
  const unbenched = runs.filter(({ run }) => run.analyses !== undefined && run.latency === undefined);
  const bench = {
    what: 'Latency, throughput and size',
    commands: [['soma bench', ...unbenched.map(pathOf)].join(' ')],
    missing: unbenched,
  };
  const lines = [...NAMES.flatMap((name) => of(name)), ...(unbenched.length > 0 ? [bench] : [])];
  if (lines.length === 0) return null;
  return html`<section id="missing"><h2>Not measured yet</h2>
<ul>${lines.map(
    ({ what, commands, missing }) =>
      html`<li>${what}${runs.length > missing.length && ` (${namesOf(missing)})`}: ${commands.map(
        (command, i) => html`${i > 0 && ', '}<code>${command}</code>`,
      )}</li>\n`,
  )}</ul></section>
`;
}

/** The folder of a run, as a shell takes it. */
function pathOf({ run: { path, name } }: NamedRun): string {
  const folder = path ?? name;
  return /^[\w./@%+:,=-]+$/.test(folder) ? folder : `'${folder.replaceAll("'", "'\\''")}'`;
}

function namesOf(runs: readonly { readonly name: string }[]): string {
  return runs.map(({ name }) => name).join(', ');
}
