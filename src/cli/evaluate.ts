/** `soma evaluate`: the figures of a run, on its own data or on other data. */
import { type Command, Option } from 'commander';
import { SPLITS, type Split } from '../data/dataset.ts';
import { openEngine } from '../engine/select.ts';
import { EXIT, SomaError } from '../errors.ts';
import { findSystem } from '../models/registry.ts';
import { metricsTables } from '../report/result-tables.ts';
import type { Format } from '../report/tables.ts';
import type { RunConfig } from '../train/config.ts';
import { openRunData, type Weights } from '../train/open-run.ts';
import { RunFolder } from '../train/run-folder.ts';
import { deriveRun } from './derive.ts';
import { evaluateRun, metricsText, writeResults } from './finish.ts';
import { print, say, sayTables } from './io.ts';
import { applySets, collect, type EngineOptions, withEngine, withFormat } from './options.ts';

interface EvaluateFlags extends EngineOptions {
  readonly data?: string;
  readonly labels?: string;
  readonly split: Split;
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
    .option('--data <path>', 'other data with the same classes (the report of the run is then left alone)')
    .option('--labels <log>', 'read labels through a log of soma data relabel, instead of the run’s')
    .addOption(new Option('--split <name>', 'which images').choices(SPLITS).default('test'))
    .addOption(
      new Option('--weights <which>', 'of the best epoch or the last (default: as trained)').choices([
        'best',
        'last',
      ]),
    )
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
      '\nExamples:\n  soma evaluate runs/demo/scnn\n  soma evaluate runs/demo/scnn --data other-lab/ --json\n  soma evaluate runs/demo/ae-cnn --set attention=false --out runs/demo/ae-cnn-off',
    )
    .action(run);
}

async function run(path: string, flags: EvaluateFlags): Promise<void> {
  const folder = new RunFolder(path);
  if (flags.out && flags.split !== 'test')
    throw new SomaError(
      `evaluate: expected --split test beside --out, got ${flags.split}; runs are compared on test images`,
      EXIT.usage,
    );
  const trained = await folder.config();
  const config = changed(trained, flags.set ?? []);
  const dataset = await openRunData(config, flags.data, flags.labels);
  const session = openEngine(flags).createSession();
  try {
    const weights = flags.weights ?? config.settings.evaluate;
    const evaluated = await evaluateRun(folder, config, session, dataset, flags.split, weights);
    const { metrics, loss, rates } = evaluated;
    const title = `${folder.name} on ${dataset.name}, ${flags.split}, ${weights} weights`;
    const writeFormats = (base: string) => sayTables(base, title, metricsTables(metrics), flags.format);
    if (flags.out) {
      const { options } = config;
      const derived = { run: folder, trained, options, dataset, source: flags.data, weights };
      const left = await deriveRun(flags.out, derived);
      say(`report ${await writeResults(left, evaluated, session, dataset)}`);
      await writeFormats(left.file('report'));
    }
    const own =
      flags.data === undefined &&
      flags.labels === undefined &&
      !flags.set &&
      !flags.out &&
      flags.split === 'test' &&
      weights === config.settings.evaluate;
    if (own) say(`report ${await writeResults(folder, evaluated, session, dataset)}`);
    if (!flags.out)
      await writeFormats(
        folder.file(own ? 'report' : `evaluation-${dataset.name}-${flags.split}-${weights}`),
      );
    const result = {
      run: folder.path,
      data: dataset.name,
      split: flags.split,
      weights,
      loss,
      rates,
      metrics,
    };
    print(result, `${dataset.name}, ${flags.split}, ${weights} weights\n${metricsText(metrics)}`, flags.json);
  } finally {
    session.close();
    await dataset.close();
  }
}

/** The run with other options, e.g. with its attention switched off after it was trained with it. */
function changed(config: RunConfig, sets: readonly string[]): RunConfig {
  const { options } = applySets(findSystem(config.system), config.settings, sets, config.options);
  return { ...config, options };
}
