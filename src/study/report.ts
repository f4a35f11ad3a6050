/** A study's answer: a table in Markdown for docs, and an HTML page with figures. */
import { join } from 'node:path';
import { splittingText } from '../data/split.ts';
import { writeAside } from '../files.ts';
import { pText } from '../measure/paired.ts';
import { drawFigure, type Figure, writeFigures } from '../report/figure.ts';
import { validationCurves } from '../report/figures/comparison-figures.ts';
import { decimal, duration, imageShape, whole } from '../report/format.ts';
import { html } from '../report/html.ts';
import { figureBlock, page, resultBlock, table, warningBox } from '../report/page.ts';
import type { NamedRun } from '../report/setup-sections.ts';
import {
  interval,
  plain,
  type ResultTable,
  resultTable,
  tableMarkdown,
  tableTexts,
} from '../report/tables.ts';
import type { Analysis, ArmResult, PairOutcome } from './analyse.ts';
import { armFigure, pairFigure } from './figures.ts';

/** Result columns first; the HTML page puts the others into a table of their own. */
const RESULT_COLUMNS = 7;

const points = (share: number) => `${share > 0 ? '+' : ''}${decimal(100 * share, 2)}`;
const hundredth = (share: number) => decimal(100 * share, 2);
const yesNo = (is: boolean) => (is ? 'yes' : 'no');

/** What a study says, as tables for people and for other programs. */
export interface StudyTables {
  readonly arms: ResultTable;
  readonly seeds: ResultTable;
  readonly pairs: ResultTable;
  readonly pairSeeds: ResultTable;
  readonly steps: ResultTable;
}

export function studyTables({ arms, pairs }: Analysis): StudyTables {
  return {
    ...{ arms: armTable(arms), seeds: seedTable(arms) },
    ...{ pairs: pairTable(pairs), pairSeeds: pairSeedTable(pairs) },
    steps: stepTable(arms),
  };
}

function armTable(arms: readonly ArmResult[]): ResultTable {
  const accuracy = interval('accuracy', 'accuracy, %', (arm: ArmResult) => arm.accuracy);
  return resultTable('arms', 'Test accuracy of the arms.', arms, [
    plain('system', 'system', ({ title }) => title),
    {
      ...accuracy,
      text: (arm) =>
        !arm.accuracy && arm.estimatedSeconds !== null
          ? `to its end ≈ ${duration(arm.estimatedSeconds)}`
          : accuracy.text(arm),
    },
    plain('seeds', 'each seed, %', seedsText),
    plain('macro_f1', 'macro F1, %', ({ macroF1 }) => macroF1, hundredth),
    plain('paper_accuracy', 'paper, %', ({ against }) => against?.accuracy ?? null, hundredth),
    plain('difference', 'difference', ({ against }) => against?.difference ?? null, points),
    plain('is_noise', 'noise?', ({ against }) => against?.isNoise ?? null, yesNo),
    plain('parameters', 'parameters', ({ parameters }) => parameters, whole),
    plain('epochs', 'epochs', epochsText),
    plain(
      'epoch_seconds',
      's an epoch',
      ({ epochSeconds }) => epochSeconds,
      (seconds) => decimal(seconds, 1),
    ),
  ]);
}

function seedsText({ accuracy, accuracies, runs }: ArmResult): string | null {
  return accuracy
    ? runs.map(({ seed }, i) => `${seed ?? 'all'}: ${hundredth(accuracies[i])}`).join(', ')
    : null;
}

function epochsText({ epochSeconds, runs }: ArmResult): string | null {
  if (epochSeconds === null) return null;
  const lengths = runs.map(({ report: { measured, history } }) =>
    measured ? `${measured.steps} steps` : `${history.length}`,
  );
  return [...new Set(lengths)].join(', ');
}

/** A row for each seed of each arm that was trained to its end. */
function seedTable(arms: readonly ArmResult[]): ResultTable {
  const rows = arms.flatMap(({ title, accuracy, accuracies, runs }) =>
    accuracy ? runs.map(({ seed }, i) => ({ title, seed, accuracy: accuracies[i] })) : [],
  );
  return resultTable('seeds', 'Test accuracy of each seed.', rows, [
    plain('system', 'system', ({ title }) => title),
    plain('seed', 'seed', ({ seed }) => seed),
    plain('accuracy', 'accuracy, %', ({ accuracy }) => accuracy, hundredth),
  ]);
}

function stepTable(arms: readonly ArmResult[]): ResultTable {
  const rows = arms.flatMap(({ title, measured }) => (measured ? [{ title, ...measured }] : []));
  const four = (loss: number) => decimal(loss, 4);
  return resultTable('steps', 'Arms that were measured by steps.', rows, [
    plain('system', 'measured by steps', ({ title }) => title),
    plain('steps', 'steps', ({ steps }) => steps, whole),
    plain(
      'step_seconds',
      's a step',
      ({ secondsPerStep }) => secondsPerStep,
      (seconds) => decimal(seconds, 3),
    ),
    plain('first_loss', 'loss, first tenth', ({ firstLoss }) => firstLoss, four),
    plain('last_loss', 'loss, last tenth', ({ lastLoss }) => lastLoss, four),
  ]);
}

function pairTable(pairs: readonly PairOutcome[]): ResultTable {
  return resultTable('pairs', 'Pairs on the same test images.', pairs, [
    plain('pair', 'pair', pairText),
    interval(
      'difference',
      'difference, points',
      ({ difference }) => difference,
      ({ value, low, high }) => `${points(value)} (${points(low)} to ${points(high)})`,
    ),
    plain('seeds', 'of each seed (p)', ({ seeds }) =>
      seeds.map((each) => `${points(each.difference)} (${pText(each.p).replace('=\u00a0', '')})`).join(', '),
    ),
    plain('is_beyond_noise', 'beyond the noise?', ({ isBeyondNoise }) => isBeyondNoise, yesNo),
  ]);
}

const pairText = ({ first, second }: PairOutcome) => `${first} − ${second}`;

/** A row for each seed of each pair. */
function pairSeedTable(pairs: readonly PairOutcome[]): ResultTable {
  const rows = pairs.flatMap((pair) => pair.seeds.map((each) => ({ pair: pairText(pair), ...each })));
  return resultTable('pair-seeds', 'Pairs, each seed by itself.', rows, [
    plain('pair', 'pair', ({ pair }) => pair),
    plain('seed', 'seed', ({ seed }) => seed),
    plain('difference', 'difference, points', ({ difference }) => difference, points),
    plain('p', 'p', ({ p }) => p, pText),
  ]);
}

const PROTOCOL =
  'Model choice used validation only; test was read once, at the end of each run. Intervals are 95 % percentile bootstrap ' +
  'intervals over the test images, of the mean over the seeds; they do not cover other seeds. A difference from the paper ' +
  'is called noise within 1.96 standard errors of both test sets; one between arms is beyond the noise where its interval ' +
  'excludes 0 and all seeds agree on the sign (p: mid-p of McNemar’s test, each seed by itself). Neither intervals nor p are ' +
  'adjusted for the number of pairs.';

/** The tables with all that is needed to judge them. `command` made them. */
export function studyMarkdown(analysis: Analysis, command: string): string {
  const { study, notes } = analysis;
  const { arms, pairs, steps } = studyTables(analysis);
  return [
    `## ${study.title}`,
    study.question,
    ...[arms, pairs, steps].filter(({ rows }) => rows.length > 0).map(tableMarkdown),
    `\`\`\`\n${command}\n\`\`\``,
    PROTOCOL,
    ...facts(analysis),
    ...(notes.length > 0 ? [notes.map((note) => `- ${note}`).join('\n')] : []),
    '',
  ].join('\n\n');
}

/** Data and machines of all runs, each once. */
function facts({ arms }: Analysis): string[] {
  const reports = arms.flatMap(({ runs }) => runs.map(({ report }) => report));
  return [...new Set([...reports.map(dataText), ...reports.map(environmentText)])];
}

type Report = ArmResult['runs'][number]['report'];

function dataText({ data }: Report): string {
  const of = (counts: readonly number[]) => whole(counts.reduce((sum, n) => sum + n, 0));
  const { train, val, test } = data.counts;
  return `Data ${data.name}, ${imageShape(data)}: ${of(train)} training, ${of(val)} validation and ${of(test)} test images, fingerprint ${data.fingerprint.slice(0, 12)}.${data.splitting ? ` ${splittingText(data.splitting)}` : ''}`;
}

function environmentText({ environment: e }: Report): string {
  return `Soma ${e.soma}, Node ${e.node}, ${e.threads} threads of ${e.cores} on ${e.cpu}, ${e.engine} engine, ${e.isa}.`;
}

async function figuresOf({ arms, pairs }: Analysis): Promise<{ figure: Figure; caption: string }[]> {
  const trained = arms.filter(({ accuracy }) => accuracy);
  const curves = trained.filter(({ epochSeconds }) => epochSeconds !== null).map(firstRun);
  const sources = [
    ...(trained.length > 0
      ? [
          {
            source: armFigure(trained),
            caption:
              'Test accuracy: mean over seeds with its 95 % interval, each seed as a small dot, the paper’s figure as a diamond. The axis need not begin at 0.',
          },
        ]
      : []),
    ...(pairs.length > 0
      ? [
          {
            source: pairFigure(pairs),
            caption:
              'Differences in accuracy on the same test images, with 95 % intervals; grey where inside the noise.',
          },
        ]
      : []),
    ...(curves.length > 0
      ? [
          {
            source: validationCurves(curves),
            caption:
              'Loss and accuracy on the validation images, first seed of each arm. Dots mark the epochs whose weights were kept.',
          },
        ]
      : []),
  ];
  return Promise.all(
    sources.map(async ({ source, caption }) => ({ figure: await drawFigure(source), caption })),
  );
}

function firstRun({ title, runs }: ArmResult): NamedRun {
  return { name: title, run: runs[0].report };
}

async function studyPage(
  analysis: Analysis,
  command: string,
  figures: readonly { figure: Figure; caption: string }[],
): Promise<string> {
  const { study, notes } = analysis;
  const { arms, pairs, steps } = studyTables(analysis);
  const columnsOf = (titles: readonly string[]) =>
    titles.map((title, i) => (i === 0 ? { title } : { title, number: true }));
  const [titles, ...armTexts] = tableTexts(arms);
  const tableOf = (caption: string, of: ResultTable) => of.rows.length > 0 && resultBlock(of, caption);
  return page(
    `${study.title} – Soma`,
    html`<header><h1>${study.title}</h1><p class="lead">${study.question}</p></header>
<main>
${warningBox(notes)}
<p>${PROTOCOL}</p>
<p>Source: ${study.source}. Made by <code>${command}</code>.</p>
${table(
  'Test accuracy of the arms. The difference is in points, ours minus the paper’s.',
  columnsOf(titles.slice(0, RESULT_COLUMNS)),
  armTexts.map((cells) => ({ cells: cells.slice(0, RESULT_COLUMNS) })),
)}
${tableOf(pairs.caption, pairs)}
${tableOf(
  'Arms that were measured by steps: what a step of training costs, and whether the loss falls.',
  steps,
)}
${figures.map(({ figure, caption }) => figureBlock(figure, caption))}
${table(
  'Cost of the arms.',
  columnsOf([titles[0], ...titles.slice(RESULT_COLUMNS)]),
  armTexts.map((cells) => ({ cells: [cells[0], ...cells.slice(RESULT_COLUMNS)] })),
)}
${facts(analysis).map((fact) => html`<p>${fact}</p>`)}
</main>`,
  );
}

/** Writes `results.md`, `report.html` and `figures/` into the folder of the study; returns the paths of the first two. */
export async function writeStudy(
  analysis: Analysis,
  command: string,
  folder: string,
): Promise<{ markdown: string; report: string }> {
  const figures = await figuresOf(analysis);
  await writeFigures(
    join(folder, 'figures'),
    figures.map(({ figure }) => figure),
  );
  const [markdown, report] = [join(folder, 'results.md'), join(folder, 'report.html')];
  await writeAside(markdown, studyMarkdown(analysis, command));
  await writeAside(report, await studyPage(analysis, command, figures));
  return { markdown, report };
}
