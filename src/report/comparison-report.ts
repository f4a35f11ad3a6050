/**
 * The report of several runs side by side: their test figures with intervals, a paired test of each pair on
 * the same images, their costs, their curves and their errors, and in which settings they differ.
 */
import { SomaError } from '../errors.ts';
import type { BootstrapOptions } from '../measure/bootstrap.ts';
import { holm } from '../measure/mcnemar.ts';
import { comparePaired, type PairedComparison, pText, verdict, verdictSentence } from '../measure/paired.ts';
import { analysisSections, analysisSources } from './analysis-sections.ts';
import { drawFigure, type Figure, type FigureSource } from './figure.ts';
import { classF1Comparison } from './figures/class-scores.ts';
import { headlineFigure, pairedFigure, validationCurves } from './figures/comparison-figures.ts';
import { reliabilityFigure, riskCoverageFigure, type Tested } from './figures/confidence-figures.ts';
import { confusionFigures } from './figures/confusion-figure.ts';
import { costFigure } from './figures/cost-figure.ts';
import { rocComparison } from './figures/roc-figure.ts';
import { decimal, interval, NONE, percentInterval, whole } from './format.ts';
import { type Html, type HtmlValue, html } from './html.ts';
import { figureBlock, page, table, warningBox } from './page.ts';
import {
  configurationTable,
  costTable,
  dataTable,
  environmentTable,
  latencyTables,
  type NamedRun,
} from './setup-sections.ts';
import type { RunReport } from './types.ts';

/** Two runs of a comparison, their paired test, and its mid-p adjusted for the number of pairs. */
export interface PairResult {
  readonly first: string;
  readonly second: string;
  readonly comparison: PairedComparison;
  /** Mid-p of McNemar's test after Holm. */
  readonly adjustedP: number;
}

/** What can be said about several runs, before any of it is drawn. */
export interface ComparedRuns {
  /** The runs under names that tell them apart. */
  readonly runs: readonly NamedRun[];
  readonly pairs: readonly PairResult[];
  /** Why some things are missing. */
  readonly notes: readonly string[];
}

/**
 * Names the runs and tests each pair that saw the same test images; a pair that did not is named in `notes`
 * with the reason. Throws a SomaError for fewer than two runs.
 */
export function compareRuns(reports: readonly RunReport[], options: BootstrapOptions = {}): ComparedRuns {
  if (reports.length < 2) {
    throw new SomaError(`compareRuns(): expected two or more runs, got ${reports.length}; name at least two`);
  }
  const runs = distinctNames(reports);
  const notes: string[] = [];
  const tested: Omit<PairResult, 'adjustedP'>[] = [];
  for (const { name, run } of runs) {
    if (!run.test) notes.push(`${name} has not been tested, so it has no test figures here.`);
    for (const warning of run.warnings) notes.push(`${name}: ${warning}`);
  }
  runs.forEach((first, i) => {
    for (const second of runs.slice(i + 1)) {
      if (!first.run.test || !second.run.test) continue;
      try {
        const comparison = comparePaired(first.run.test.predictions, second.run.test.predictions, options);
        tested.push({ first: first.name, second: second.name, comparison });
      } catch (error) {
        if (!(error instanceof SomaError)) throw error;
        notes.push(`${first.name} and ${second.name} cannot be tested as a pair. ${error.message}`);
      }
    }
  });
  if (new Set(reports.map((run) => run.data.fingerprint)).size > 1) {
    notes.push(
      'The runs did not use the same data: their fingerprints differ. Differences between them may come from the data.',
    );
  }
  const adjusted = holm(tested.map(({ comparison }) => comparison.mcnemar.midP));
  return { runs, notes, pairs: tested.map((pair, i) => ({ ...pair, adjustedP: adjusted[i] })) };
}

/** The figures of a comparison, those that there is data for. */
export async function comparisonFigures({ runs, pairs }: ComparedRuns): Promise<Figure[]> {
  const tested = testedOf(runs);
  const sources: FigureSource[] = [];
  if (tested.length > 0) sources.push(headlineFigure(tested), confusionFigures(tested));
  if (tested.length > 0 && sameClasses(tested)) sources.push(classF1Comparison(tested));
  if (tested.length > 0) sources.push(reliabilityFigure(tested), riskCoverageFigure(tested));
  const roc = rocComparison(tested);
  if (roc) sources.push(roc);
  const costs = costFigure(runs);
  if (costs) sources.push(costs);
  if (runs.some(({ run }) => run.history.length > 0)) sources.push(validationCurves(runs));
  if (pairs.length > 0) sources.push(pairedFigure(pairs));
  sources.push(...analysisSources(runs));
  return Promise.all(sources.map(drawFigure));
}

const CAPTIONS: Readonly<Record<string, string>> = {
  headline: 'Test figures with 95 % bootstrap intervals. The axes need not begin at 0.',
  'confusion-matrices':
    'Confusion matrices on the test images: number of images, and share of the true class. Shades follow the square root of the share. Empty cells are zero.',
  'class-f1': 'F1 of each class with 95 % bootstrap intervals. The axis need not begin at 0.',
  reliability:
    'Reliability: share of right answers against the probability that the systems gave them, in 15 bins of equal width, with 95 % intervals (Wilson), and the share of the images in each. On the dashed line a probability means what it says; below it they are too sure.',
  'risk-coverage':
    'Share of wrong answers if only the images that a system is surest of are answered and the others are left to a person.',
  roc: 'ROC curve of each class against all others on the test images, with its AUC. Where every AUC is at least 0.95 only the upper left corner is drawn.',
  'validation-curves':
    'Loss and accuracy on the validation images over the epochs. Dots mark the best epochs. Below, where the first epochs flatten the later ones, these enlarged.',
  costs:
    'Test accuracy with its 95 % interval, trainable parameters, and the time of one image where soma bench has measured it for all, else of one training epoch on the machine of the run.',
  'paired-differences':
    'Difference in accuracy of each pair on the same test images with its 95 % bootstrap interval; grey where the interval holds 0. Intervals are not adjusted for the number of pairs.',
};

/**
 * Several runs, compared and drawn by the two functions above, as one self-contained HTML page.
 * @param heading made from the systems and the data if left out
 */
export function renderComparison(
  { runs, pairs, notes }: ComparedRuns,
  drawnFigures: readonly Figure[],
  heading?: string,
): string {
  const tested = testedOf(runs);
  const figures = new Map(drawnFigures.map((each) => [each.slug, each]));
  const figure = (slug: string): HtmlValue => {
    const drawn = figures.get(slug);
    return drawn && figureBlock(drawn, CAPTIONS[slug]);
  };
  const dataNames = [...new Set(runs.map(({ run }) => run.data.name))];
  const title = heading ?? `${list(runs.map(({ name }) => name))} on ${list(dataNames)}`;
  return page(
    `${title} – Soma`,
    html`<header>
<h1>${title}</h1>
<p class="lead">Comparison of ${runs.length} runs</p>
</header>
<main>
${pairs.length > 0 && html`<ul>${pairs.map(sentence)}</ul>`}
${warningBox(notes)}
<p>${protocol(runs, tested)}</p>
<section id="test"><h2>Test results</h2>
${tested.length > 0 ? resultTable(tested) : html`<p>No run has been tested yet.</p>`}
${figure('headline')}</section>
${
  pairs.length > 0 &&
  html`<section id="pairs"><h2>Paired tests</h2>
<p>Each pair was tested on the same images. A difference is claimed only if McNemar’s test, adjusted for the number of pairs, gives p below 0.05 and the interval of the difference excludes 0.</p>
${pairTable(pairs)}
${figure('paired-differences')}</section>`
}
${
  tested.length > 0 &&
  html`<section id="classes"><h2>Classes</h2>
${figure('class-f1')}${sameClasses(tested) && aucTable(tested)}${figure('roc')}${figure('confusion-matrices')}</section>
<section id="confidence"><h2>How far probabilities can be trusted</h2>
${figure('reliability')}${figure('risk-coverage')}</section>`
}
<section id="training"><h2>Training</h2>
${figure('validation-curves')}
${figure('costs')}
${costTable(runs)}
${latencyTables(runs)}</section>
${analysisSections(runs, (slug) => figures.get(slug))}
<section id="setup"><h2>How they were made</h2>
${runTable(runs)}
${dataTables(runs)}
${configurationTable(runs)}
${environmentTable(runs)}</section>
</main>
<footer>Made by Soma ${runs[0].run.environment.soma}.</footer>`,
  );
}

interface TestedRun extends NamedRun, Tested {}

function testedOf(runs: readonly NamedRun[]): TestedRun[] {
  return runs.flatMap(({ name, run }) => (run.test ? [{ name, run, ...run.test }] : []));
}

/** The systems' titles; where one comes twice, with the run's name, and with a number where that comes twice too. */
function distinctNames(reports: readonly RunReport[]): NamedRun[] {
  const titles = reports.map((run) => run.system.title);
  const once = (names: string[], name: string) => names.indexOf(name) === names.lastIndexOf(name);
  const longer = reports.map((run, i) =>
    once(titles, titles[i]) ? titles[i] : `${titles[i]} (${run.name})`,
  );
  return reports.map((run, i) => ({
    run,
    name: once(longer, longer[i]) ? longer[i] : `${longer[i]} #${i + 1}`,
  }));
}

function sameClasses(runs: readonly TestedRun[]): boolean {
  const names = ({ metrics }: TestedRun) => JSON.stringify(metrics.perClass.map(({ name }) => name));
  return runs.every((run) => names(run) === names(runs[0]));
}

function sentence({ first, second, comparison, adjustedP }: PairResult): Html {
  return html`<li>${verdictSentence(comparison, first, second, adjustedP)}</li>`;
}

function protocol(runs: readonly NamedRun[], tested: readonly TestedRun[]): string {
  const chosen = runs.every(({ run }) => run.keptEpoch === run.bestEpoch)
    ? 'The epoch of each run was chosen with the validation images only.'
    : 'The epoch of each run is the last, where its paper has it so, or was chosen with the validation images only.';
  if (tested.length === 0) return chosen;
  const resamples = [...new Set(tested.map(({ metrics }) => whole(metrics.bootstrap.resamples)))];
  return (
    `${chosen} The test images were read once by each run, after training, and decided nothing. Intervals are 95 % ` +
    `percentile bootstrap intervals from ${list(resamples)} resamples of the test images: they say how far a figure ` +
    'depends on which images were tested, not on the seed of the training.'
  );
}

function resultTable(tested: readonly TestedRun[]): Html {
  return table(
    `Test figures, with 95 % intervals. Test images: ${list([...new Set(tested.map(({ metrics }) => whole(metrics.images)))])}.`,
    [
      { title: 'run' },
      ...['accuracy, %', 'macro F1', 'weighted F1', 'macro AUC', 'log loss, nats', 'ECE, %', 'AURC'].map(
        (title) => ({
          title,
          number: true,
        }),
      ),
    ],
    tested.map(({ name, metrics }) => ({
      cells: [
        name,
        percentInterval(metrics.accuracy),
        interval(metrics.macro.f1),
        interval(metrics.weighted.f1),
        interval(metrics.macroAuc, 4),
        interval(metrics.logLoss),
        percentInterval(metrics.ece),
        interval(metrics.aurc, 4),
      ],
    })),
  );
}

const VERDICTS = {
  noise: 'inside the noise',
  unclear: 'on the edge',
  difference: 'beyond the noise',
} as const;

function pairTable(pairs: readonly PairResult[]): Html {
  return table(
    'Paired tests. p: mid-p of McNemar’s test; adjusted: after Holm, for the number of pairs.',
    [
      { title: 'pair' },
      ...['only first right', 'only second right', 'difference, points', 'p', 'p adjusted'].map((title) => ({
        title,
        number: true,
      })),
      { title: 'difference is' },
    ],
    pairs.map(({ first, second, comparison, adjustedP }) => {
      const { value, low, high } = comparison.difference;
      const points = [value, low, high].map((share) => decimal(100 * share, 2));
      return {
        cells: [
          `${first} − ${second}`,
          whole(comparison.onlyFirst),
          whole(comparison.onlySecond),
          `${points[0]} (${points[1]} to ${points[2]})`,
          pText(comparison.mcnemar.midP).replace('=\u00a0', ''),
          pText(adjustedP).replace('=\u00a0', ''),
          VERDICTS[verdict(comparison, adjustedP)],
        ],
      };
    }),
  );
}

function aucTable(tested: readonly TestedRun[]): Html {
  return table(
    'AUC of each class against the rest, with 95 % intervals.',
    [{ title: 'class' }, ...tested.map(({ name }) => ({ title: name, number: true }))],
    tested[0].metrics.perClass.map(({ name }, k) => ({
      cells: [name, ...tested.map(({ metrics }) => interval(metrics.perClass[k].auc, 4))],
    })),
    [{ cells: ['macro', ...tested.map(({ metrics }) => interval(metrics.macroAuc, 4))] }],
  );
}

function runTable(runs: readonly NamedRun[]): Html {
  return table(
    'The runs.',
    [
      { title: 'name here' },
      { title: 'run' },
      { title: 'published in' },
      { title: 'epoch tested', number: true },
    ],
    runs.map(({ name, run }) => ({
      cells: [
        name,
        html`<span class="path">${run.name}</span>`,
        run.system.paper,
        run.keptEpoch > 0 ? `${run.keptEpoch} of ${run.history.length}` : NONE,
      ],
    })),
  );
}

/** One table for each data set. */
function dataTables(runs: readonly NamedRun[]): Html[] {
  const byFingerprint = new Map(runs.map(({ run }) => [run.data.fingerprint, run]));
  return [...byFingerprint.values()].map(dataTable);
}

function list(words: readonly string[]): string {
  return words.length <= 1
    ? words.join('')
    : `${words.slice(0, -1).join(', ')} and ${words[words.length - 1]}`;
}
