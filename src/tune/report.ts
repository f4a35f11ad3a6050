/** What a search found: a page with figures, and the table of its trials. */
import { join } from 'node:path';
import { writeAside } from '../files.ts';
import { commandLine } from '../jobs/child.ts';
import { drawFigure, type Figure, type FigureSource, writeFigures } from '../report/figure.ts';
import { duration, NONE, percent, whole } from '../report/format.ts';
import { type Html, html } from '../report/html.ts';
import { figureBlock, page, table, tiles, warningBox } from '../report/page.ts';
import { plain, type ResultTable, resultTable, tableTexts } from '../report/tables.ts';
import { type Definition, trainArguments } from './definition.ts';
import { historyFigure, rungsFigure } from './figures/history.ts';
import { parallelFigure } from './figures/parallel.ts';
import { importanceFigure, slicesFigure } from './figures/parameters.ts';
import { type FigureInput, valueNumber } from './figures/values.ts';
import { type Importance, importances, LEAST_TRIALS } from './importance.ts';
import type { Trial } from './journal.ts';
import { OBJECTIVES } from './objective.ts';
import { makePruner } from './rungs.ts';
import { bestTrial, knownOf } from './search.ts';
import { valueText } from './space.ts';
import { trialFolder } from './trial.ts';

/** A search as far as it went. */
export interface Outcome {
  readonly definition: Definition;
  readonly folder: string;
  readonly trials: readonly Trial[];
  /** Null where no trial has a value. */
  readonly best: Best | null;
  /** Undefined where the trials are too few. */
  readonly importance: readonly Importance[] | undefined;
}

export interface Best {
  readonly trial: Trial;
  readonly value: number;
  /** Of the value, and trained in all. */
  readonly epoch: number;
  readonly epochs: number;
  /** Whether it was trained to its end. */
  readonly isWhole: boolean;
  /** Folder of the run. */
  readonly run: string;
  /** What trains it again, from the start and to its end, and reads test. */
  readonly command: string;
}

export function outcomeOf(definition: Definition, folder: string, trials: readonly Trial[]): Outcome {
  const pruner = makePruner(definition.pruner);
  const trial = bestTrial(trials, pruner);
  const { ranked } = knownOf(trials, pruner, trials.length);
  return {
    ...{ definition, folder, trials },
    best: trial ? describeBest(definition, folder, trial, pruner.brackets[trial.bracket].length) : null,
    importance: importances(definition.space, ranked),
  };
}

function describeBest(definition: Definition, folder: string, trial: Trial, rungs: number): Best {
  const { value, epoch, epochs } = trial.results[trial.rung];
  return {
    ...{ trial, value, epoch, epochs },
    isWhole: trial.rung === rungs - 1,
    run: trialFolder(folder, trial.number).path,
    command: commandLine(trainArguments(definition, trial)),
  };
}

export const PROTOCOL =
  'Every figure is of validation images. No network of the search saw a test image; test is read by whoever evaluates or ' +
  'repeats the best trial, once. The value of the best of many trials is too good by what luck gave it: expect less on test.';

function figuresOf({
  definition,
  trials,
  best,
  importance,
}: Outcome): { source: FigureSource; caption: string }[] {
  if (!best) return [];
  const { space, objective, pruner } = definition;
  const input: FigureInput = { space, objective, trials, best: best.trial };
  const beyond = 'Values that are much worse stand at the edge.';
  const last = pruner.kind === 'none' ? '' : ' Values are of the last epoch that a trial reached.';
  return [
    {
      source: historyFigure(input),
      caption: `Each trial, and the best so far of those that were trained furthest. Crosses are trials that failed. ${beyond}`,
    },
    {
      source: parallelFigure(input),
      caption: `A line for each trial; the darker, the better, and the best in red. ${beyond}${last}`,
    },
    ...(importance
      ? [
          {
            source: importanceFigure(importance),
            caption:
              'How much the values of the best fifth of the trials differ from those of all, a parameter at a time (PED-ANOVA; Watanabe, Bansal and Hutter 2023). With few trials an unimportant parameter keeps a share by chance.',
          },
        ]
      : []),
    {
      source: slicesFigure(input),
      caption: `Each trial, parameter by parameter; the best in red. ${beyond}${last}`,
    },
    ...(pruner.kind === 'none'
      ? []
      : [
          {
            source: rungsFigure(input),
            caption: `What trials had reached when it was decided who goes on; the best in red. ${beyond}`,
          },
        ]),
  ];
}

/** The trials, the best first, and how much each parameter matters. */
export function tuneTables({ definition, trials, importance }: Outcome): {
  readonly trials: ResultTable;
  readonly importance: ResultTable;
} {
  const { objective, pruner, space } = definition;
  const last = ({ results }: Trial) => results.at(-1) ?? null;
  const value = plain(objective, objective, (trial: Trial) => last(trial)?.value ?? null, valueNumber);
  return {
    trials: resultTable('trials', 'Trials, the best first.', knownOrder(trials, pruner), [
      plain('trial', 'trial', ({ number }) => number),
      { ...value, text: (trial) => (trial.failed ? 'failed' : value.text(trial)) },
      plain('epoch', 'epoch', (trial) => last(trial)?.epoch ?? null),
      plain('epochs', 'epochs', (trial) => last(trial)?.epochs ?? null),
      plain(
        'seconds',
        's',
        (trial) => last(trial)?.seconds ?? null,
        (seconds) => seconds.toFixed(1),
      ),
      plain('seed', 'seed', ({ seed }) => seed),
      plain('failed', 'failure', ({ failed }) => failed?.reason ?? null),
      ...Object.keys(space.parameters).map((name) =>
        plain(name, name, ({ point }: Trial) => (name in point ? valueText(point[name]) : null)),
      ),
    ]),
    importance: resultTable('importance', 'Importance of the parameters.', importance ?? [], [
      plain('parameter', 'parameter', ({ name }) => name),
      plain(
        'share',
        'share',
        ({ share }) => share,
        (share) => percent(share, 1),
      ),
    ]),
  };
}

/** Column of reasons, which are long and stand above the table. */
const FAILURE = 6;

/** Header and rows of the trials for people, without why some failed. */
export function trialTexts(outcome: Outcome): string[][] {
  return tableTexts(tuneTables(outcome).trials).map((cells) => cells.toSpliced(FAILURE, 1));
}

function knownOrder(trials: readonly Trial[], options: Definition['pruner']): Trial[] {
  const left = [...trials];
  const order: Trial[] = [];
  const pruner = makePruner(options);
  for (let next = bestTrial(left, pruner); next; next = bestTrial(left, pruner)) {
    order.push(next);
    left.splice(left.indexOf(next), 1);
  }
  return [...order, ...left];
}

const MOST_ROWS = 100;

async function render(
  outcome: Outcome,
  figures: readonly { figure: Figure; caption: string }[],
): Promise<string> {
  const { definition, trials, best, importance } = outcome;
  const { system, data, fingerprint, objective, sampler, pruner, seed, space } = definition;
  const failed = trials.filter((trial) => trial.failed);
  const [header, ...rows] = trialTexts(outcome);
  const seconds = trials.reduce((sum, { results }) => sum + (results.at(-1)?.seconds ?? 0), 0);
  const warnings = [
    ...(best && !best.isWhole ? ['No trial was trained to its end yet: the same command goes on.'] : []),
    ...(importance ? [] : [`Importance needs ${LEAST_TRIALS} trials that did not fail.`]),
    ...failed.slice(0, 5).map(({ number, failed: why }) => `Trial ${number} failed: ${why?.reason}`),
    ...(failed.length > 5 ? [`${failed.length - 5} more failed.`] : []),
  ];
  return page(
    `Search for ${system} – Soma`,
    html`<header><h1>Search for ${system}</h1>
<p class="lead">${space.title ?? 'A space of one’s own'}${space.source && html` (${space.source})`}</p></header>
<main>
${warningBox(warnings)}
${tiles([
  {
    name: OBJECTIVES[objective].title,
    value: best ? valueNumber(best.value) : NONE,
    note: best ? `trial ${best.trial.number}, epoch ${best.epoch} of ${best.epochs}` : undefined,
  },
  {
    name: 'trials',
    value: whole(trials.length),
    note: failed.length > 0 ? `${failed.length} failed` : undefined,
  },
  { name: 'training', value: duration(seconds) },
])}
<p>${PROTOCOL}</p>
${best && bestSection(best)}
${figures.map(({ figure, caption }) => figureBlock(figure, caption))}
${importance && importanceTable(tuneTables(outcome).importance)}
${table(
  `Trials, the best first${rows.length > MOST_ROWS ? `; the other ${rows.length - MOST_ROWS} stand in journal.jsonl` : ''}.`,
  header.map((title, i) => ({ title, number: i < 6 })),
  rows.slice(0, MOST_ROWS).map((cells) => ({ cells })),
)}
<p>Sampler ${sampler}, pruner ${prunerText(pruner)}, seed ${seed}; data ${data}, fingerprint ${fingerprint.slice(0, 12)}.</p>
</main>`,
  );
}

function bestSection({ trial, command, run }: Best): Html {
  return html`<section id="best"><h2>The best trial</h2>
${table(
  `Values of trial ${trial.number}.`,
  [{ title: 'parameter' }, { title: 'value' }],
  Object.entries(trial.point).map(([name, value]) => ({
    cells: [name, valueText(value)],
  })),
)}
<p>Trained again, with test at the end: <code>${command}</code></p>
<p>Its weights, tested: <code>${commandLine(['evaluate', run])}</code></p></section>`;
}

function importanceTable(of: ResultTable): Html {
  const [header, ...rows] = tableTexts(of);
  return table(
    of.caption,
    header.map((title, i) => ({ title, number: i > 0 })),
    rows.map((cells) => ({ cells })),
  );
}

export function prunerText({ kind, epochs, leastEpochs, reduction }: Definition['pruner']): string {
  const { brackets } = makePruner({ kind, epochs, leastEpochs, reduction });
  return kind === 'none'
    ? 'none'
    : `${kind}, looks after ${brackets[0].join(', ')} epochs, one in ${reduction} goes on`;
}

/** Writes `report.html` and `figures/` into the folder of the search; returns the path of the page. */
export async function writeOutcome(outcome: Outcome): Promise<string> {
  const figures = await Promise.all(
    figuresOf(outcome).map(async ({ source, caption }) => ({ figure: await drawFigure(source), caption })),
  );
  await writeFigures(
    join(outcome.folder, 'figures'),
    figures.map(({ figure }) => figure),
  );
  const report = join(outcome.folder, 'report.html');
  await writeAside(report, await render(outcome, figures));
  return report;
}
