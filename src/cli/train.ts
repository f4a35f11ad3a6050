/** `soma train`: trains a system on data and leaves a run folder. */
import { rmdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type Dataset, type Fold, SPLITS, type Split } from '../data/dataset.ts';
import type { DataError } from '../data/fault.ts';
import { expectReadable } from '../data/readable.ts';
import { relabellingText } from '../data/relabel.ts';
import { withSpareClasses } from '../data/spare-classes.ts';
import { type SplitRatios, splittingText } from '../data/split.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/select.ts';
import { EXIT, quoted, SomaError } from '../errors.ts';
import { writeAside } from '../files.ts';
import { openSystem } from '../models/own-system.ts';
import { findSystem } from '../models/registry.ts';
import type { StageSettings } from '../models/settings.ts';
import type { Summary } from '../report/collect.ts';
import { decimal, percentInterval } from '../report/format.ts';
import type { RunConfig } from '../train/config.ts';
import { openData, publishedReading, resolveSource } from '../train/data.ts';
import { monitored } from '../train/early-stopping.ts';
import { idleOversampling } from '../train/epoch-size.ts';
import { beginningWarning, configure, initialWeights, specOf } from '../train/open-run.ts';
import type { RunFolder } from '../train/run-folder.ts';
import { slowStatistics } from '../train/slow-statistics.ts';
import { measureSteps } from '../train/step-trace.ts';
import { type TrainResult, train } from '../train/train.ts';
import { openWeights, someOf } from '../train/weights.ts';
import { newRun } from './claim-run.ts';
import { evaluateRun, writeResults } from './finish.ts';
import { interruptible } from './interrupt.ts';
import { print, say, shortPath } from './io.ts';
import {
  applySets,
  channelCount,
  collect,
  type EngineOptions,
  foldNumber,
  positiveInt,
  positiveNumber,
  seedNumber,
  splitList,
  splitRatios,
  withEngine,
} from './options.ts';
import { progressDisplay } from './progress.ts';
import { engineWarning, reopen } from './resume.ts';
import { runName } from './run-name.ts';

interface TrainFlags extends EngineOptions {
  readonly data?: string;
  readonly size?: number;
  readonly channels?: 1 | 3;
  readonly ratios?: SplitRatios;
  readonly resplit?: boolean;
  readonly splitSeed?: number;
  readonly keepTogether?: 'near-duplicates';
  readonly labels?: string;
  readonly fold?: { readonly number: number; readonly of: number };
  readonly pool?: readonly Split[];
  readonly outputs?: number;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly lr?: number;
  readonly seed: number;
  readonly weights?: string;
  readonly set?: readonly string[];
  readonly earlyStopping: boolean;
  readonly pauseAfter?: number;
  readonly test: boolean;
  readonly runsDir: string;
  readonly name?: string;
  readonly resume?: string;
  readonly checkpointEvery?: number;
  readonly json?: boolean;
}

export function addTrain(program: Command): void {
  withEngine(program.command('train'))
    .argument(
      '[system]',
      'name of a system, see soma models, or a .js file with your own; not needed with --resume',
    )
    .description('Train a system; the defaults are the settings of its paper')
    .option('--data <path>', 'an .npz file, a folder of images, IDX or CIFAR files, or smear (built in)')
    .option(
      '--size <pixels>',
      'images are resized to this height and width (default: the paper)',
      positiveInt,
    )
    .option('--channels <n>', 'read images as grey (1) or RGB (3) (default: as they are)', channelCount)
    .option(
      '--ratios <shares>',
      'train/val/test shares where splits are drawn, e.g. 80/10/10 (default: the paper)',
      splitRatios,
    )
    .option('--resplit', 'draw all splits anew, also where some are stored')
    .option('--split-seed <n>', 'seed of drawn splits (default: --seed)', seedNumber)
    .addOption(
      new Option('--keep-together <what>', 'what stays in one split where splits are drawn').choices([
        'near-duplicates',
      ]),
    )
    .option('--labels <log>', 'read labels through a log of soma data relabel')
    .option(
      '--fold <i/k>',
      'cross-validation: learn from all but one of k parts, and test that one, e.g. 1/5',
      foldNumber,
    )
    .option('--pool <splits>', 'splits that the parts are made of (default: all)', splitList)
    .option(
      '--outputs <n>',
      'outputs of the network, where it is to have more than the data has classes',
      positiveInt,
    )
    .option('--epochs <n>', 'at most so many', positiveInt)
    .option('--batch-size <n>', 'images in a step', positiveInt)
    .option('--lr <rate>', 'learning rate at the start', positiveNumber)
    .option('--seed <n>', 'seed of weights, order, augmentation and drawn splits', seedNumber, 0)
    .option(
      '--set <key=value>',
      'change an option of the system or a setting, e.g. T=5 or optimizer.kind=sgd',
      collect,
    )
    .option(
      '--weights <file>',
      'start from the weights of a safetensors or ONNX file, of Soma, PyTorch or Keras',
    )
    .option('--no-early-stopping', 'train all epochs')
    .option('--pause-after <n>', 'stop after this epoch with a checkpoint; --resume goes on', positiveInt)
    .option('--no-test', 'leave the test images unread; soma evaluate reads them later')
    .option('--runs-dir <folder>', 'where run folders are made', 'runs')
    .option('--name <name>', 'name of the run folder (default: time, system, data and seed)')
    .option(
      '--resume <run>',
      'go on with a run that was interrupted, to the same bits; with --data where its data was moved',
    )
    .option(
      '--checkpoint-every <seconds>',
      'time between checkpoints within an epoch (default: 30, or 20 times what writing one takes)',
      positiveNumber,
    )
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  soma train scnn --data smear --size 28 --epochs 12
  soma train ae-cnn --data cells/ --size 64 --seed 1
  soma train scnn --data bloodmnist.npz --size 28 --set T=5 --set beta=0.95
  soma train ./my-system.js --data cells/ --size 32
  soma train neurallnet --data leukaemia/ --ratios 80/10/10 --keep-together near-duplicates
  soma train xception --data cells/ --set freeze=transfer --weights xception.safetensors
  soma train autoclassifier --data cells/ --set pretraining.epochs=10 --epochs 10
  soma train --resume runs/20260131-120000-scnn-blood-28-0

A system that has a pre-training runs it first; its own settings are --set pretraining.…, and null leaves it out.
Ctrl-C leaves a checkpoint and exits with 130. Model choice uses validation; test is read once, at the end.`,
    )
    .action(async (system: string | undefined, flags: TrainFlags, command: Command) => {
      process.exitCode = await run(system, flags, command);
    });
}

async function run(system: string | undefined, flags: TrainFlags, command: Command): Promise<number> {
  const engine = openEngine(flags);
  const { folder, held, config, dataset } = flags.resume
    ? await reopen({ path: flags.resume, system, data: flags.data, epochs: flags.epochs, command })
    : await begin(system, flags, engine);
  const session = engine.createSession();
  try {
    announce(folder, config, engine);
    const warnings = [
      engineWarning(config, engine.info),
      beginningWarning(config),
      slowStatistics(config),
      idleOversampling(config.settings, config.data.counts.train),
    ];
    const known = warnings.filter((warning) => warning !== undefined);
    const result = await trainWatched(folder, config, dataset, session, flags, known);
    if (result.stopped === 'interrupted') {
      say(`interrupted; go on with: soma train --resume ${quoted(folder.path)}`);
      if (flags.json) print({ run: folder.path, ...result }, '', true);
      return EXIT.interrupted;
    }
    if (result.stopped === 'paused') {
      const text = `paused after ${result.history.length} epochs; go on with: soma train --resume ${quoted(folder.path)}`;
      print({ run: folder.path, ...result }, text, flags.json);
      return EXIT.ok;
    }
    if (result.stopped === 'steps') return await concludeSteps(folder, config, result, flags.json);
    say(result.stopped === 'early' ? 'stopped early: no better epoch on validation' : 'all epochs done');
    if (flags.test && dataset.splits.test.length === 0) {
      const text = 'there are no test images: other data is tested with soma evaluate --data';
      print({ run: folder.path, ...result }, text, flags.json);
      return EXIT.ok;
    }
    if (!flags.test) {
      const text = `test was not read; it is with: soma evaluate ${quoted(folder.path)}`;
      print({ run: folder.path, ...result }, text, flags.json);
      return EXIT.ok;
    }
    const leave = () => {
      say(
        `stopped in the final test: the weights are kept; test them with: soma evaluate ${quoted(folder.path)}`,
      );
      process.exit(EXIT.interrupted);
    };
    process.once('SIGINT', leave).once('SIGTERM', leave);
    const evaluated = await evaluateRun(folder, config, session, dataset, 'test', config.settings.evaluate);
    const report = await writeResults(folder, evaluated, session, dataset);
    const { metrics } = evaluated;
    const text = [
      `test accuracy ${percentInterval(metrics.accuracy)}, macro F1 ${percentInterval(metrics.macro.f1)} (95 % bootstrap, ${metrics.images} images)`,
      `report ${report}`,
    ].join('\n');
    print({ run: folder.path, ...result, test: metrics, report }, text, flags.json);
    const path = quoted(shortPath(folder.path));
    say(`next: soma explain ${path}   soma review ${path}   soma compare ${path} ANOTHER`);
    return EXIT.ok;
  } catch (error) {
    if (!flags.resume) await folder.takeBack();
    throw error;
  } finally {
    session.close();
    await dataset.close();
    await held.release();
    // Only if nothing is in it.
    await rmdir(folder.path).catch(() => {});
  }
}

/** What a training that ends after `maxSteps` found out. It is not tested: its network is not trained. */
async function concludeSteps(
  folder: RunFolder,
  config: RunConfig,
  result: TrainResult,
  json: boolean | undefined,
): Promise<number> {
  const measured = measureSteps(await folder.steps(), config);
  const text = measured
    ? `${measured.steps} steps of ${decimal(measured.secondsPerStep, 3)} s; loss ${decimal(measured.firstLoss, 4)} in the ` +
      `first tenth, ${decimal(measured.lastLoss, 4)} in the last; not validated, not tested`
    : 'no steps';
  print({ run: folder.path, ...result, measured }, text, json);
  return EXIT.ok;
}

async function begin(systemName: string | undefined, flags: TrainFlags, engine: Engine) {
  if (!systemName || !flags.data)
    throw new SomaError(
      `train: expected a system and --data, got ${systemName ?? 'no system'} and ${flags.data ?? 'no data'}; see soma train --help`,
      EXIT.usage,
    );
  const system = await openSystem(systemName);
  const { options, settings: set } = applySets(system, system.training, flags.set ?? []);
  const settings = {
    ...set,
    ...(flags.epochs ? { epochs: flags.epochs } : {}),
    ...(flags.batchSize ? { batchSize: flags.batchSize } : {}),
    ...(flags.lr ? { lr: flags.lr } : {}),
    // What it watched still makes an epoch the best.
    ...(flags.earlyStopping ? {} : { earlyStopping: null, monitor: monitored(set) }),
  };
  const { channels, resplit, keepTogether, labels, splitSeed = flags.seed } = flags;
  const fold = foldFrom(flags);
  const faults: DataError[] = [];
  const stored = await openData({
    source: flags.data,
    ...publishedReading(system, { ...flags, fold }),
    ...{ channels, resplit, keepTogether, labels, fold, seed: splitSeed },
    warn: (fault) => faults.push(fault),
  });
  sayFaults(flags.data, faults);
  if (!stored.splitting) sayUnused(flags);
  const dataset = flags.outputs === undefined ? stored : withSpareClasses(stored, flags.outputs);
  const weights = flags.weights ? await openWeights(resolve(flags.weights)) : undefined;
  const source = resolveSource(flags.data);
  const name = flags.name ?? runName(system.name, dataset.name, flags.seed);
  const { seed } = flags;
  const config = configure({
    ...{ name, system: system.name, options, settings, seed, source, dataset, engine },
    weights,
  });
  if (flags.test && !settings.maxSteps) await expectReadable(dataset, 'test');
  const { folder, held } = await newRun(flags.runsDir, name, flags.name !== undefined, config);
  return { folder, held, config: { ...config, name: folder.name }, dataset };
}

/** Of data whose splits are all stored. */
function sayUnused({ ratios, splitSeed, keepTogether }: TrainFlags): void {
  const unused = Object.entries({ ratios, 'split-seed': splitSeed, 'keep-together': keepTogether })
    .filter(([, value]) => value !== undefined)
    .map(([flag]) => `--${flag}`);
  if (unused.length > 0)
    say(`warning: all splits are stored, so ${unused.join(' and ')} did nothing; --resplit draws them anew`);
}

const FAULTS_SHOWN = 5;

function sayFaults(data: string, faults: readonly DataError[]): void {
  for (const { message } of faults.slice(0, FAULTS_SHOWN)) say(`warning: ${message}`);
  const more = faults.length - FAULTS_SHOWN;
  if (more > 0) say(`warning: ${more} more of the kind; soma data check ${quoted(data)} lists them all`);
}

function foldFrom({ fold, pool, ratios, resplit }: TrainFlags): Fold | undefined {
  if (!fold && !pool) return undefined;
  if (!fold) throw new SomaError('train: expected --fold beside --pool, got none', EXIT.usage);
  if (ratios || resplit)
    throw new SomaError(
      `train: expected no ${ratios ? '--ratios' : '--resplit'} beside --fold, whose parts are equal`,
      EXIT.usage,
    );
  return { ...fold, pool: pool ?? SPLITS };
}

function announce(folder: RunFolder, config: RunConfig, engine: Engine): void {
  const { data, environment, settings } = config;
  const { name, isa, threads } = engine.info;
  const counts = Object.entries(data.counts).map(([split, n]) => `${split} ${n.reduce((a, b) => a + b, 0)}`);
  say(`run      ${folder.path}`);
  say(`system   ${config.system}, ${config.parameters.toLocaleString('en')} parameters, seed ${config.seed}`);
  say(
    `data     ${data.name} ${data.height}×${data.width}×${data.channels}, ${data.classes.length} classes, ${counts.join(', ')}, ` +
      `fingerprint ${data.fingerprint.slice(0, 12)}`,
  );
  if (data.splitting) say(`splits   ${splittingText(data.splitting)}`);
  if (data.relabelling) say(`labels   ${relabellingText(data.relabelling)}`);
  const { pretraining } = findSystem(config.system);
  if (pretraining && settings.pretraining)
    say(
      `first    ${pretraining.title}, ${config.pretrainingParameters?.toLocaleString('en')} parameters, ` +
        settingsText(settings.pretraining),
    );
  say(`settings ${settingsText(settings)}`);
  say(`engine   ${name}, ${isa}, ${threads} threads on ${environment.cpu}`);
}

function settingsText({ optimizer, lr, batchSize, epochs }: StageSettings): string {
  return `${optimizer.kind}, lr ${lr}, batch ${batchSize}, up to ${epochs} epochs`;
}

async function trainWatched(
  run: RunFolder,
  config: RunConfig,
  dataset: Dataset,
  session: ReturnType<Engine['createSession']>,
  flags: TrainFlags,
  known: readonly string[],
): Promise<TrainResult> {
  const { settings, seed } = config;
  const display = progressDisplay(settings.epochs);
  const pretrainingDisplay = progressDisplay(settings.pretraining?.epochs ?? 0);
  const warnings: string[] = [];
  const warn = (text: string) => {
    warnings.push(text);
    say(`warning: ${text}`);
  };
  known.forEach(warn);
  const weights = run.hasBegun() ? undefined : await initialWeights(config);
  const watched = async (signal: AbortSignal) => {
    const result = await train({
      run,
      spec: specOf(config),
      settings,
      seed,
      dataset,
      session,
      weights,
      onWeights: ({ loaded, drawn, unread }) => {
        say(
          `weights  ${loaded.length} tensors of ${weights?.path}${drawn.length > 0 ? `; drawn: ${drawn.join(', ')}` : ''}`,
        );
        if (unread.length > 0) say(`not read from it: ${someOf(unread)}`);
      },
      resume: flags.resume !== undefined,
      pauseAfter: flags.pauseAfter,
      checkpointEvery: flags.checkpointEvery,
      signal,
      onStep: (report) => (report.stage === 'training' ? display : pretrainingDisplay).step(report),
      onPretrainingEpoch: (record, cursor) =>
        pretrainingDisplay.epoch(record, cursor.progress.bestEpoch === record.epoch),
      onEpoch: (record, cursor) => display.epoch(record, cursor.progress.bestEpoch === record.epoch),
      onWarning: warn,
    });
    const memory = session.memory();
    const summary: Summary = {
      stopped: result.stopped,
      bestEpoch: result.bestEpoch,
      peakBytes: memory.variables + memory.arena + memory.io + memory.scratch,
      residentBytes: process.resourceUsage().maxRSS * 1024,
      warnings,
    };
    await writeAside(run.file('summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
    return result;
  };
  return interruptible('stopping after this step; once more to stop at once', (signal) =>
    watched(signal).finally(() => {
      pretrainingDisplay.close();
      display.close();
    }),
  );
}
