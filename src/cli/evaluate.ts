/** `soma evaluate`: the figures of a run, on its own data or on other data. */
import { isDeepStrictEqual } from 'node:util';
import { type Command, Option } from 'commander';
import { SPLITS, type Split } from '../data/dataset.ts';
import { openEngine } from '../engine/select.ts';
import { EXIT, SomaError } from '../errors.ts';
import { findSystem } from '../models/registry.ts';
import { metricsTables } from '../report/result-tables.ts';
import type { Format } from '../report/tables.ts';
import type { RunConfig } from '../train/config.ts';
import { openRunData, type Weights } from '../train/open-run.ts';
import { refuseLearnt } from '../train/other-options.ts';
import { RunFolder } from '../train/run-folder.ts';
import { deriveRun } from './derive.ts';
import { type Opened, openExternal } from './external.ts';
import { evaluateRun, metricsText, writeResults } from './finish.ts';
import { print, say, sayTables } from './io.ts';
import { applySets, collect, type EngineOptions, weightsOption, withEngine, withFormat } from './options.ts';

interface EvaluateFlags extends EngineOptions {
  readonly data?: string;
  readonly labels?: string;
  readonly split: Split | 'all';
  readonly ignoreUnknown?: boolean;
  readonly allowOverlap?: boolean;
  readonly dropOverlap?: boolean;
  readonly weights?: Weights;
  readonly set?: readonly string[];
  readonly out?: string;
  readonly format: readonly Format[];
  readonly json?: boolean;
}

export function addEvaluate(program: Command): void {
  withFormat(withEngine(program.command('evaluate')))
    .argument('<run>', 'a run folder')
    .description('Accuracy, precision, recall, F1 and AUC with intervals; writes the report of the run')
    .option(
      '--data <path>',
      'other data; classes are matched by name (the report of the run is then left alone)',
    )
    .option('--labels <log>', 'read labels through a log of soma data relabel, instead of the run’s')
    .addOption(
      new Option('--split <name>', 'which images; all is for other data')
        .choices([...SPLITS, 'all'])
        .default('test'),
    )
    .option('--drop-overlap', 'leave out images of other data that the run has seen')
    .option('--allow-overlap', 'test on them too: no external validation')
    .option('--ignore-unknown', 'leave out images of other data whose class the run does not know')
    .addOption(weightsOption())
    .option(
      '--set <key=value>',
      'change an option of the system for this evaluation, e.g. attention=none (the report is left alone)',
      collect,
    )
    .option(
      '--out <folder>',
      'leave a run folder with these figures and their report, to compare with others',
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  soma evaluate runs/demo/scnn
  soma evaluate runs/demo/scnn --data other-lab/ --split all --out runs/demo/scnn-elsewhere
  soma evaluate runs/demo/ae-cnn --set attention=false --out runs/demo/ae-cnn-off

Other data is compared with the images that the run learnt from. Where copies of these are in it, it is no external data:
they are listed, and nothing is evaluated before --drop-overlap or --allow-overlap says what to do with them.`,
    )
    .action(run);
}

async function run(path: string, flags: EvaluateFlags): Promise<void> {
  const folder = new RunFolder(path);
  checkFlags(flags);
  const trained = await folder.config();
  const config = changed(trained, flags.set ?? []);
  const { data, split: wanted } = flags;
  const split = wanted === 'all' ? 'test' : wanted;
  const opened: Opened =
    data === undefined
      ? await openOwn(config, flags.labels)
      : await openExternal(folder.path, config, split, wanted === 'all', { ...flags, data });
  const { dataset, notes } = opened;
  const session = openEngine(flags).createSession();
  try {
    const weights = flags.weights ?? config.settings.evaluate;
    const evaluated = await evaluateRun(folder, config, session, dataset, split, weights);
    const { metrics, loss, rates } = evaluated;
    const { standing, seen, unknown } = opened;
    const title = [`${folder.name} on ${dataset.name}, ${wanted}, ${weights} weights`, ...notes].join('; ');
    const writeFormats = (base: string) => sayTables(base, title, metricsTables(metrics), flags.format);
    if (flags.out) {
      const { options } = config;
      const derived = { run: folder, trained, options, dataset, source: data, weights, notes };
      const left = await deriveRun(flags.out, derived);
      say(`report ${await writeResults(left, evaluated, session, dataset)}`);
      await writeFormats(left.file('report'));
    }
    const ownData = data === undefined && flags.labels === undefined && !flags.set && !flags.out;
    const own = ownData && split === 'test' && weights === config.settings.evaluate;
    if (own) say(`report ${await writeResults(folder, evaluated, session, dataset)}`);
    if (!flags.out)
      await writeFormats(folder.file(own ? 'report' : `evaluation-${dataset.name}-${wanted}-${weights}`));
    const result = {
      ...{ run: folder.path, data: dataset.name, split: wanted, weights, loss, rates, metrics },
      ...(data === undefined
        ? {}
        : { standing, seen, leftOut: { seen: flags.dropOverlap ? seen.length : 0, unknown } }),
    };
    const text = [
      `${dataset.name}, ${wanted}, ${weights} weights`,
      ...(standing === 'external' && seen.length === 0
        ? ['external: no image is a copy of one that the run learnt from']
        : []),
      ...notes,
      metricsText(metrics),
    ];
    print(result, text.join('\n'), flags.json);
  } finally {
    session.close();
    await dataset.close();
  }
}

async function openOwn(config: RunConfig, labels: string | undefined): Promise<Opened> {
  const dataset = await openRunData(config, undefined, { labels });
  return { dataset, standing: 'own', seen: [], unknown: 0, notes: [] };
}

function checkFlags({ data, split, out, allowOverlap, dropOverlap, ignoreUnknown }: EvaluateFlags): void {
  const fail = (text: string) => {
    throw new SomaError(`evaluate: expected ${text}`, EXIT.usage);
  };
  if (out && split !== 'test' && split !== 'all')
    fail(
      `--split test beside --out, got ${split}; runs are compared on test images, or on all of other data`,
    );
  if (out) new RunFolder(out).refuseTaken();
  if (allowOverlap && dropOverlap) fail('--allow-overlap or --drop-overlap, got both');
  const needsOther = {
    '--split all': split === 'all',
    '--allow-overlap': allowOverlap,
    '--drop-overlap': dropOverlap,
  };
  for (const [flag, given] of Object.entries({ ...needsOther, '--ignore-unknown': ignoreUnknown }))
    if (given && data === undefined) fail(`--data beside ${flag}, got none`);
}

/** The run with other options, e.g. with its attention switched off after it was trained with it. */
function changed(config: RunConfig, sets: readonly string[]): RunConfig {
  const system = findSystem(config.system);
  const { options, settings } = applySets(system, config.settings, sets, config.options);
  if (!isDeepStrictEqual(settings, applySets(system, config.settings, [], config.options).settings))
    throw new SomaError(
      `evaluate: expected --set of options of ${system.name}, got a training setting among ${sets.join(', ')}; --weights chooses which weights are tested`,
      EXIT.usage,
    );
  const other = { ...config, options };
  if (sets.length > 0) refuseLearnt(config, other);
  return other;
}
