/** `soma ensemble`: what several runs say together, measured as one run is. */
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Dataset } from '../data/dataset.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/select.ts';
import { EXIT, mismatch, SomaError } from '../errors.ts';
import { combine, type Member, VOTES, type Vote } from '../measure/ensemble.ts';
import { type Metrics, measure } from '../measure/metrics.ts';
import type { Predictions } from '../measure/predictions.ts';
import { writePredictions } from '../measure/predictions-csv.ts';
import { collectReport } from '../report/collect.ts';
import { createEnsemble } from '../report/ensemble.ts';
import { decimal, NONE } from '../report/format.ts';
import { membersTable } from '../report/measured-tables.ts';
import { metricsTables } from '../report/result-tables.ts';
import type { Format } from '../report/tables.ts';
import type { RunReport } from '../report/types.ts';
import { environmentOf, type RunConfig } from '../train/config.ts';
import { openRunData } from '../train/open-run.ts';
import { RunFolder } from '../train/run-folder.ts';
import { evaluateRun, metricsText, writeTested } from './finish.ts';
import { columns, print, say, sayTables } from './io.ts';
import { type EngineOptions, withEngine, withFormat } from './options.ts';
import { runName } from './run-name.ts';

interface EnsembleFlags extends EngineOptions {
  readonly vote: Vote;
  readonly out?: string;
  readonly validation: boolean;
  readonly format: readonly Format[];
  readonly json?: boolean;
}

export function addEnsemble(program: Command): void {
  withFormat(withEngine(program.command('ensemble')))
    .argument('<runs...>', 'two or more run folders that were evaluated on the same images')
    .description(
      'What several runs say together: metrics with intervals, and a folder that compares like a run',
    )
    .addOption(
      new Option('--vote <how>', 'mean of the probabilities, or most votes').choices(VOTES).default('mean'),
    )
    .option('--out <folder>', 'where predictions and report go (default: runs/<time>-ensemble-<data>)')
    .option('--no-validation', 'test only, where the data of the runs is not at hand')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  soma ensemble runs/scnn-0 runs/scnn-1 runs/scnn-2
  soma ensemble runs/scnn-0 runs/ae-cnn-0 runs/se-cnn-0 --vote majority --out runs/all-three
  soma compare runs/all-three runs/scnn-0

Majority: the class that most runs choose; a tie goes to the larger mean probability. Validation is evaluated too, so
that members can be chosen by it: test must decide nothing.`,
    )
    .action(run);
}

/** A member that has been tested. */
interface Voter {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly report: RunReport;
  readonly test: NonNullable<RunReport['test']>;
}

interface Judged {
  readonly predictions: Predictions;
  readonly metrics: Metrics;
}

interface Validated {
  readonly together: Judged;
  /** Accuracy of each member. */
  readonly accuracies: readonly number[];
}

async function run(paths: string[], flags: EnsembleFlags): Promise<void> {
  const voters = await openVoters(paths);
  const [first] = voters;
  const folder = new RunFolder(flags.out ?? join('runs', runName('ensemble', first.config.data.name)));
  folder.refuseTaken();
  const test = judged(
    voters.map(({ folder, test }) => ({ name: folder.path, predictions: test.predictions })),
    flags.vote,
  );
  const engine = openEngine(flags);
  const data = flags.validation ? new SharedData() : null;
  try {
    const val = data ? await validate(voters, engine, data, flags.vote) : null;
    const members = voters.map(({ folder, config, report, test }, i) => ({
      path: folder.path,
      name: folder.name,
      system: config.system,
      title: report.system.title,
      seed: config.seed,
      parameters: report.parameters,
      validation: val?.accuracies[i] ?? null,
      test: test.metrics.accuracy.value,
    }));
    const facts = {
      vote: flags.vote,
      members,
      validation: val?.together.metrics.accuracy.value ?? null,
    };
    await createEnsemble(folder, {
      created: new Date().toISOString(),
      ...facts,
      data: first.config.data,
      environment: environmentOf(engine.info),
      fileBytes: voters.reduce((sum, { report }) => sum + report.sizes.fileBytes, 0),
      warnings: warningsOf(voters),
    });
    if (val) await writePredictions(folder.file('predictions-val.csv'), val.together.predictions);
    const validation = val?.together.metrics ?? null;
    const more = { loss: test.metrics.logLoss.value, rates: {}, validation };
    const dataset = data ? await data.open(first.config) : null;
    const report = await writeTested(folder, test, more, dataset);
    say(`report ${report}`);
    const tables = [membersTable(facts, test.metrics.accuracy.value), ...metricsTables(test.metrics)];
    const title = `${folder.name}: ${members.length} runs, ${flags.vote}, on ${first.config.data.name}`;
    await sayTables(folder.file('report'), title, tables, flags.format);
    const result = {
      ensemble: folder.path,
      vote: flags.vote,
      members,
      validation,
      metrics: test.metrics,
      report,
    };
    print(result, textOf(members, validation, test.metrics, flags.vote), flags.json);
  } finally {
    await data?.close();
  }
}

async function openVoters(paths: readonly string[]): Promise<Voter[]> {
  if (paths.length < 2)
    throw new SomaError(`ensemble: expected two or more runs, got ${paths.length}; name another`, EXIT.usage);
  const folders = paths.map((path) => new RunFolder(path));
  const twice = folders.find(({ path }, i) => folders.findIndex((each) => each.path === path) < i);
  if (twice)
    throw new SomaError(
      `ensemble: expected runs that differ, got ${twice.path} twice; name it once`,
      EXIT.usage,
    );
  return Promise.all(
    folders.map(async (folder) => {
      const config = await folder.config();
      const report = await collectReport(folder);
      const { test } = report;
      if (!test)
        throw mismatch(folder.path, 'predictions of the test images', 'none', 'run soma evaluate first');
      return { folder, config, report, test };
    }),
  );
}

function judged(members: readonly Member[], vote: Vote): Judged {
  const predictions = combine(members, vote);
  return { predictions, metrics: measure(predictions) };
}

/** Data sets that are open, each once: most members were trained on the same one. */
class SharedData {
  private readonly opened = new Map<string, Dataset>();

  async open(config: RunConfig): Promise<Dataset> {
    const { source, height, channels, fingerprint } = config.data;
    // The fingerprint covers the splits, also those that were drawn from a seed.
    const key = JSON.stringify([source, height, channels, fingerprint]);
    const known = this.opened.get(key);
    if (known) return known;
    const dataset = await openRunData(config);
    this.opened.set(key, dataset);
    return dataset;
  }

  async close(): Promise<void> {
    for (const dataset of this.opened.values()) await dataset.close();
  }
}

/** The members on their validation images, each with the weights that it was tested with. */
async function validate(
  voters: readonly Voter[],
  engine: Engine,
  data: SharedData,
  vote: Vote,
): Promise<Validated> {
  const members: Member[] = [];
  const accuracies: number[] = [];
  for (const { folder, config } of voters) {
    say(`${folder.name}: validation`);
    const dataset = await data.open(config);
    const session = engine.createSession();
    try {
      const weights = config.settings.evaluate;
      const evaluated = await evaluateRun(folder, config, session, dataset, 'val', weights);
      members.push({ name: folder.path, predictions: evaluated.predictions });
      accuracies.push(evaluated.accuracy);
    } finally {
      session.close();
    }
  }
  return { together: judged(members, vote), accuracies };
}

/** What the members' readers must know, and what makes them strange company. */
function warningsOf(voters: readonly Voter[]): string[] {
  const own = voters.flatMap(({ folder, report }) =>
    report.warnings.map((warning) => `${folder.name}: ${warning}`),
  );
  const fingerprints = new Set(voters.map(({ config }) => config.data.fingerprint));
  return fingerprints.size === 1
    ? own
    : [...own, 'the members were trained on data sets that differ, though test images have the same names'];
}

function textOf(
  members: readonly { name: string; validation: number | null; test: number }[],
  validation: Metrics | null,
  test: Metrics,
  vote: Vote,
): string {
  const share = (accuracy: number | null | undefined) =>
    accuracy === null || accuracy === undefined ? NONE : decimal(100 * accuracy, 2);
  const rows = members.map((member) => [member.name, share(member.validation), share(member.test)]);
  const together = [`together, ${vote}`, share(validation?.accuracy.value), share(test.accuracy.value)];
  const table = columns([['accuracy, %', 'validation', 'test'], ...rows, together]);
  return [table, '', 'test', metricsText(test)].join('\n');
}
