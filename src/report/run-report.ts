/**
 * The report of one run: what came out, how sure that is, how it was trained, and everything that is needed
 * to do it again. One HTML file without scripts, for reading, printing and archiving.
 */
import type { Metrics } from '../measure/metrics.ts';
import { analysisSections, analysisSources } from './analysis-sections.ts';
import { drawFigure, type Figure } from './figure.ts';
import { classF1Figure } from './figures/class-scores.ts';
import { reliabilityFigure, riskCoverageFigure } from './figures/confidence-figures.ts';
import { confusionFigure } from './figures/confusion-figure.ts';
import { rocFigure } from './figures/roc-figure.ts';
import { firingRates, pretrainingCurves, trainingCurves } from './figures/training-curves.ts';
import { bytes, decimal, duration, interval, NONE, percent, percentInterval, whole } from './format.ts';
import { type Html, type HtmlValue, html } from './html.ts';
import {
  figureBlock,
  page,
  reconstructionBlock,
  sampleGrid,
  type Tile,
  table,
  tiles,
  warningBox,
} from './page.ts';
import {
  configurationTable,
  costTable,
  dataTable,
  environmentTable,
  latencyTables,
} from './setup-sections.ts';
import type {
  EnsembleFacts,
  PretrainingReport,
  ReconstructionPicture,
  RunReport,
  SampleImage,
} from './types.ts';

export interface RunReportOptions {
  /** Those of `runFigures`, where they are drawn already. */
  figures?: readonly Figure[];
  /** Pictures to show, e.g. the most confident errors on the test set, as PNG data URIs. */
  samples?: readonly SampleImage[];
  /** Test images made again by the network of the pre-training. */
  reconstructions?: ReconstructionPicture;
}

const named = (run: RunReport) => ({ name: run.system.title, run });

/** The figures of a run, those that it has data for: each for the page, or for a file of its own. */
export async function runFigures(run: RunReport): Promise<Figure[]> {
  const sources = [];
  const { pretraining } = run;
  if (pretraining && pretraining.history.length > 0) sources.push(pretrainingCurves(run.name, pretraining));
  if (run.history.length > 0) sources.push(trainingCurves(run), firingRates(run));
  if (run.test) {
    const { metrics, predictions } = run.test;
    sources.push(confusionFigure(metrics, run.name), classF1Figure(metrics, run.name));
    sources.push(rocFigure(predictions, metrics, run.name));
    const tested = [{ name: run.name, metrics, predictions }];
    sources.push(reliabilityFigure(tested), riskCoverageFigure(tested));
  }
  sources.push(...analysisSources([named(run)]));
  return Promise.all(sources.filter((source) => source !== null).map(drawFigure));
}

/** Captions by slug: what to see, and how to read it. */
const CAPTIONS: Readonly<Record<string, string>> = {
  'pretraining-curves':
    'Errors of the pixels that were made again, in [0, 1], over the epochs of pre-training, on the training images (dashed) and the validation images (solid). The dotted line marks the epoch whose weights were handed on.',
  'training-curves':
    'Loss and accuracy over the epochs, on the training images (dashed) and the validation images (solid). The dotted line marks the epoch that was best on validation.',
  'firing-rates': 'Mean number of spikes per neuron and time step in each spiking layer.',
  'confusion-matrix':
    'Confusion matrix on the test images: number of images, and share of the true class. Shades follow the square root of the share, so that rare confusions can be seen. Empty cells are zero.',
  'class-f1':
    'F1 of each class on the test images with 95 % bootstrap intervals. The axis need not begin at 0.',
  roc: 'ROC curve of each class against all others on the test images; on the right the upper left corner, enlarged.',
  reliability:
    'Reliability: share of right answers against the probability that the system gave them, in 15 bins of equal width, with 95 % intervals (Wilson), and the share of the images in each. On the dashed line a probability means what it says; below it the system is too sure.',
  'risk-coverage':
    'Share of wrong answers if only the images that the system is surest of are answered and the others are left to a person.',
};

/** Renders a run as a self-contained HTML page. */
export async function renderRunReport(run: RunReport, options: RunReportOptions = {}): Promise<string> {
  const drawn = options.figures ?? (await runFigures(run));
  const figures = new Map(drawn.map((figure) => [figure.slug, figure]));
  const figure = (slug: string): HtmlValue => {
    const found = figures.get(slug);
    return found && figureBlock(found, CAPTIONS[slug]);
  };
  const runs = [named(run)];
  const { samples = [], reconstructions } = options;
  return page(
    `${run.name} – Soma`,
    html`<header>
<h1>${run.system.title} on ${run.data.name}</h1>
<p class="lead">Run <span class="path">${run.name}</span> · system <code>${run.system.name}</code> · ${run.system.paper}</p>
</header>
<main>
${tiles(headline(run))}
${warningBox(run.warnings)}
<p>${protocol(run)}</p>
${
  run.test &&
  html`<section id="test"><h2>Test results</h2>
${figureTable(run.test.metrics)}
${classTable(run.test.metrics)}
${figure('class-f1')}${figure('confusion-matrix')}${figure('roc')}${figure('reliability')}${figure('risk-coverage')}</section>`
}
${
  samples.length > 0 &&
  html`<section id="samples"><h2>Errors worth a look</h2>
<p>Test images that were classified wrongly, with the probability that the system gave to its answer.</p>
${sampleGrid(samples)}</section>`
}
${run.ensemble && html`<section id="members"><h2>Members</h2>\n${memberTable(run.ensemble)}</section>`}
${
  run.pretraining &&
  html`<section id="pretraining"><h2>Pre-training</h2>
<p>${pretrainingText(run.pretraining)}</p>
${reconstructions && reconstructionBlock(reconstructions)}
${figure('pretraining-curves')}</section>`
}
<section id="training"><h2>${run.ensemble ? 'Cost' : 'Training'}</h2>
${run.history.length === 0 && !run.ensemble ? html`<p>No epoch has ended yet.</p>` : null}
${figure('training-curves')}${figure('firing-rates')}
${costTable(runs)}
${latencyTables(runs)}</section>
${analysisSections(runs, (slug) => figures.get(slug))}
<section id="setup"><h2>How it was made</h2>
${dataTable(run)}
${configurationTable(runs)}
${environmentTable(runs)}</section>
${run.history.length > 0 && html`<section id="epochs"><h2>All epochs</h2>\n${epochTable(run)}</section>`}
</main>
<footer>Made by Soma ${run.environment.soma} with ${run.environment.engine} engine (${run.environment.isa}), ${run.environment.threads} threads.</footer>`,
  );
}

function pretrainingText({ title, parameters, history, epoch }: PretrainingReport): string {
  const seconds = history.reduce((total, record) => total + record.seconds, 0);
  const handed = epoch > 0 ? ` The weights of epoch ${epoch} of ${history.length} were handed on.` : '';
  return (
    `Before the network itself, and without labels, the ${title} of ${whole(parameters)} parameters was trained to make each ` +
    `image again, in ${duration(seconds)}.${handed}`
  );
}

function headline(run: RunReport): Tile[] {
  const items: Tile[] = [];
  if (run.test) {
    const { accuracy, macro, macroAuc } = run.test.metrics;
    items.push({
      name: 'test accuracy',
      value: percent(accuracy.value),
      note: `${decimal(100 * accuracy.low, 2)}–${decimal(100 * accuracy.high, 2)}`,
    });
    items.push({ name: 'macro F1', value: decimal(macro.f1.value, 3), note: range(macro.f1) });
    if (macroAuc)
      items.push({ name: 'macro AUC', value: decimal(macroAuc.value, 4), note: range(macroAuc, 4) });
  } else if (run.history.length > 0) {
    const best =
      run.history.find((record) => record.epoch === run.keptEpoch) ?? run.history[run.history.length - 1];
    items.push({
      name: 'validation accuracy',
      value: percent(best.val_accuracy),
      note: `epoch ${best.epoch}`,
    });
  }
  items.push({ name: 'parameters', value: whole(run.parameters), note: bytes(run.sizes.weightsBytes) });
  if (run.history.length > 0) {
    const seconds = run.history.reduce((total, record) => total + record.seconds, 0);
    items.push({ name: 'training', value: duration(seconds), note: `${run.history.length} epochs` });
  }
  return items;
}

function range({ low, high }: { low: number; high: number }, decimals = 3): string {
  return `${decimal(low, decimals)}–${decimal(high, decimals)}`;
}

const VOTING: Record<EnsembleFacts['vote'], string> = {
  mean: 'Probabilities are the mean of those of the members.',
  majority:
    'The class that most members choose; a tie goes to the larger mean probability. Scores are shares of votes, with the mean probabilities as one more voter.',
};

function memberTable({ members, validation }: EnsembleFacts): Html {
  const share = (accuracy: number | null) => (accuracy === null ? NONE : decimal(100 * accuracy, 2));
  return table(
    'Members and their accuracies. Choose members by those on validation: test images must decide nothing.',
    [
      { title: 'run' },
      { title: 'system' },
      ...['seed', 'validation, %', 'test, %'].map((title) => ({ title, number: true })),
    ],
    members.map(({ name, title, seed, validation: ofMember, test }) => ({
      cells: [html`<span class="path">${name}</span>`, title, seed, share(ofMember), share(test)],
    })),
    validation === null ? [] : [{ cells: ['together', '', '', share(validation), ''] }],
  );
}

/** Which images decided what, and what the intervals mean. */
function protocol(run: RunReport): string {
  const { keptEpoch, bestEpoch, history } = run;
  const reason =
    keptEpoch === bestEpoch
      ? 'chosen with the validation images only'
      : `the last, as published (validation was best in epoch ${bestEpoch})`;
  const chosen = run.ensemble
    ? `${VOTING[run.ensemble.vote]} The members are runs of their own; they are to be chosen by their validation accuracy.`
    : keptEpoch > 0
      ? `The weights are those of epoch ${keptEpoch} of ${history.length}, ${reason}.`
      : 'No weights have been chosen yet.';
  if (!run.test) return `${chosen} The test images have not been read.`;
  const { images, bootstrap } = run.test.metrics;
  return (
    `${chosen} The ${whole(images)} test images were read once, after training, and decided nothing. ` +
    `Intervals are 95 % percentile bootstrap intervals from ${whole(bootstrap.resamples)} resamples of the test images ` +
    `(seed ${bootstrap.seed}): they say how far the figures depend on which images were tested, not on the seed of the training.`
  );
}

function figureTable({ accuracy, macro, weighted, macroAuc, ...metrics }: Metrics): Html {
  const rows: [string, string][] = [
    ['accuracy, %', percentInterval(accuracy)],
    ['macro F1', interval(macro.f1)],
    ['macro precision', interval(macro.precision)],
    ['macro recall', interval(macro.recall)],
    ['weighted F1', interval(weighted.f1)],
    ['weighted precision', interval(weighted.precision)],
    ['weighted recall', interval(weighted.recall)],
    ['macro AUC', interval(macroAuc, 4)],
    ['log loss, nats', interval(metrics.logLoss)],
    ['Brier score', interval(metrics.brier)],
    ['expected calibration error, %', percentInterval(metrics.ece)],
    ['maximal calibration error, %', percentInterval(metrics.mce)],
    ['area under risk–coverage', interval(metrics.aurc, 4)],
  ];
  return table(
    'Test figures over all classes. Macro: mean of the classes; weighted: by their number of images.',
    [{ title: 'figure' }, { title: 'value (95 % interval)', number: true }],
    rows.map((cells) => ({ cells })),
  );
}

function classTable(metrics: Metrics): Html {
  return table(
    'Test figures of each class, with 95 % intervals.',
    [
      { title: 'class' },
      ...['images', 'precision', 'recall', 'F1', 'AUC'].map((title) => ({ title, number: true })),
    ],
    metrics.perClass.map(({ name, support, precision, recall, f1, auc }) => ({
      cells: [name, whole(support), interval(precision), interval(recall), interval(f1), interval(auc, 4)],
    })),
  );
}

function epochTable(run: RunReport): Html {
  const layers = [...new Set(run.history.flatMap((record) => Object.keys(record.rates ?? {})))];
  const titles = ['train loss', 'train acc. %', 'val loss', 'val acc. %', 'lr', 'time', ...layers];
  return table(
    `All epochs; the one that was kept is bold.${layers.length > 0 ? ' Last columns: spikes per neuron and step.' : ''}`,
    [{ title: 'epoch' }, ...titles.map((title) => ({ title, number: true }))],
    run.history.map((record) => ({
      differs: record.epoch === run.keptEpoch,
      cells: [
        record.epoch,
        decimal(record.train_loss, 4),
        decimal(100 * record.train_accuracy, 2),
        decimal(record.val_loss, 4),
        decimal(100 * record.val_accuracy, 2),
        Number(record.lr.toPrecision(4)),
        duration(record.seconds),
        ...layers.map((layer) =>
          record.rates?.[layer] === undefined ? NONE : decimal(record.rates[layer], 4),
        ),
      ],
    })),
  );
}
