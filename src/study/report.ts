/** A study's answer: a table in Markdown for docs, and an HTML page with figures. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { splittingText } from '../data/split.ts';
import { writeAside } from '../files.ts';
import { pText } from '../measure/paired.ts';
import { drawFigure, type Figure, writeFigures } from '../report/figure.ts';
import { validationCurves } from '../report/figures/comparison-figures.ts';
import { decimal, duration, NONE, percentInterval, whole } from '../report/format.ts';
import { html } from '../report/html.ts';
import { figureBlock, page, table, warningBox } from '../report/page.ts';
import type { NamedRun } from '../report/setup-sections.ts';
import type { Analysis, ArmResult, PairOutcome } from './analyse.ts';
import { armFigure, pairFigure } from './figures.ts';

/** Result columns first; the HTML page puts the others into a table of their own. */
const ARM_COLUMNS = [
  'system',
  'accuracy, %',
  'each seed, %',
  'macro F1, %',
  'paper, %',
  'difference',
  'noise?',
  'parameters',
  'epochs',
  's an epoch',
];
const RESULT_COLUMNS = 7;
const STEP_COLUMNS = ['measured by steps', 'steps', 's a step', 'loss, first tenth', 'loss, last tenth'];
const PAIR_COLUMNS = ['pair', 'difference, points', 'of each seed (p)', 'beyond the noise?'];

const points = (share: number) => `${share > 0 ? '+' : ''}${decimal(100 * share, 2)}`;

function armCells({
  title,
  runs,
  accuracy,
  accuracies,
  macroF1,
  against,
  parameters,
  epochSeconds,
  estimatedSeconds,
}: ArmResult): string[] {
  const lengths = runs.map(({ report: { measured, history } }) =>
    measured ? `${measured.steps} steps` : `${history.length}`,
  );
  const epochs = [...new Set(lengths)].join(', ');
  const seeds = runs.map(({ seed }, i) => `${seed ?? 'all'}: ${decimal(100 * accuracies[i], 2)}`);
  return [
    title,
    accuracy
      ? percentInterval(accuracy)
      : estimatedSeconds === null
        ? NONE
        : `to its end ≈ ${duration(estimatedSeconds)}`,
    accuracy ? seeds.join(', ') : NONE,
    macroF1 === null ? NONE : decimal(100 * macroF1, 2),
    against ? decimal(100 * against.accuracy, 2) : NONE,
    against ? points(against.difference) : NONE,
    against ? (against.isNoise ? 'yes' : 'no') : NONE,
    whole(parameters),
    epochSeconds === null ? NONE : epochs,
    epochSeconds === null ? NONE : decimal(epochSeconds, 1),
  ];
}

function stepRows(arms: readonly ArmResult[]): string[][] {
  return arms.flatMap(({ title, measured: m }) =>
    m
      ? [
          [
            title,
            whole(m.steps),
            decimal(m.secondsPerStep, 3),
            decimal(m.firstLoss, 4),
            decimal(m.lastLoss, 4),
          ],
        ]
      : [],
  );
}

function pairCells({ first, second, difference, seeds, isBeyondNoise }: PairOutcome): string[] {
  const [value, low, high] = [difference.value, difference.low, difference.high].map(points);
  return [
    `${first} − ${second}`,
    `${value} (${low} to ${high})`,
    seeds.map((each) => `${points(each.difference)} (${pText(each.p).replace('=\u00a0', '')})`).join(', '),
    isBeyondNoise ? 'yes' : 'no',
  ];
}

const PROTOCOL =
  'Model choice used validation only; test was read once, at the end of each run. Intervals are 95 % percentile bootstrap ' +
  'intervals over the test images, of the mean over the seeds; they do not cover other seeds. A difference from the paper ' +
  'is called noise within 1.96 standard errors of both test sets; one between arms is beyond the noise where its interval ' +
  'excludes 0 and all seeds agree on the sign (p: mid-p of McNemar’s test, each seed by itself).';

function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The tables with all that is needed to judge them. `command` made them. */
export function studyMarkdown(analysis: Analysis, command: string): string {
  const { study, arms, pairs, notes } = analysis;
  return [
    `## ${study.title}`,
    study.question,
    markdownTable(ARM_COLUMNS, arms.map(armCells)),
    ...(pairs.length > 0 ? [markdownTable(PAIR_COLUMNS, pairs.map(pairCells))] : []),
    ...(stepRows(arms).length > 0 ? [markdownTable(STEP_COLUMNS, stepRows(arms))] : []),
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
  return `Data ${data.name}: ${of(train)} training, ${of(val)} validation and ${of(test)} test images, fingerprint ${data.fingerprint.slice(0, 12)}.${data.splitting ? ` ${splittingText(data.splitting)}` : ''}`;
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
  const { study, arms, pairs, notes } = analysis;
  const plain = (title: string, i: number) => (i === 0 ? { title } : { title, number: true });
  return page(
    `${study.title} – Soma`,
    html`<header><h1>${study.title}</h1><p class="lead">${study.question}</p></header>
<main>
${warningBox(notes)}
<p>${PROTOCOL}</p>
<p>Source: ${study.source}. Made by <code>${command}</code>.</p>
${table(
  'Test accuracy of the arms. The difference is in points, ours minus the paper’s.',
  ARM_COLUMNS.slice(0, RESULT_COLUMNS).map(plain),
  arms.map((arm) => ({ cells: armCells(arm).slice(0, RESULT_COLUMNS) })),
)}
${
  pairs.length > 0 &&
  table(
    'Pairs on the same test images.',
    PAIR_COLUMNS.map(plain),
    pairs.map((pair) => ({ cells: pairCells(pair) })),
  )
}
${
  stepRows(arms).length > 0 &&
  table(
    'Arms that were measured by steps: what a step of training costs, and whether the loss falls.',
    STEP_COLUMNS.map(plain),
    stepRows(arms).map((cells) => ({ cells })),
  )
}
${figures.map(({ figure, caption }) => figureBlock(figure, caption))}
${table(
  'Cost of the arms.',
  ['system', ...ARM_COLUMNS.slice(RESULT_COLUMNS)].map(plain),
  arms.map((arm) => ({ cells: [arm.title, ...armCells(arm).slice(RESULT_COLUMNS)] })),
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
  await mkdir(join(folder, 'figures'), { recursive: true });
  await writeFigures(
    join(folder, 'figures'),
    figures.map(({ figure }) => figure),
  );
  const [markdown, report] = [join(folder, 'results.md'), join(folder, 'report.html')];
  await writeAside(markdown, studyMarkdown(analysis, command));
  await writeAside(report, await studyPage(analysis, command, figures));
  return { markdown, report };
}

/** The tables as rows for the terminal. */
export function studyRows({ arms, pairs }: Analysis): Record<'arms' | 'pairs' | 'steps', string[][]> {
  return {
    arms: [ARM_COLUMNS, ...arms.map(armCells)],
    pairs: [PAIR_COLUMNS, ...pairs.map(pairCells)],
    steps: [STEP_COLUMNS, ...stepRows(arms)],
  };
}
