/** `soma tune`: searches for settings of a system on validation, resumably, and reports what it found. */
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { throwFirst } from '../data/fault.ts';
import type { SplitRatios } from '../data/split.ts';
import { tooFew } from '../data/too-few.ts';
import { EXIT, SomaError } from '../errors.ts';
import { engineArguments } from '../jobs/child.ts';
import { setTexts } from '../jobs/set-texts.ts';
import { isSystemFile, openSystem } from '../models/own-system.ts';
import { systemFile } from '../models/registry.ts';
import type { System } from '../models/system.ts';
import { decimal, duration } from '../report/format.ts';
import type { Format } from '../report/tables.ts';
import { openData, publishedReading, resolveSource } from '../train/data.ts';
import { type Definition, keepDefinition } from '../tune/definition.ts';
import { pointWords, valueNumber } from '../tune/figures/values.ts';
import { readTrials } from '../tune/journal.ts';
import { OBJECTIVE_NAMES, type ObjectiveName } from '../tune/objective.ts';
import { openSpace, SPACES } from '../tune/registry.ts';
import { outcomeOf, PROTOCOL, prunerText, trialTexts, tuneTables, writeOutcome } from '../tune/report.ts';
import { makePruner, PRUNERS, type PrunerName, type Unit } from '../tune/rungs.ts';
import { checkGrid } from '../tune/samplers/grid.ts';
import { SAMPLER_NAMES, type SamplerName } from '../tune/samplers/table.ts';
import { type Found, search } from '../tune/search.ts';
import { allPoints, extremePoints, type Space, type Value } from '../tune/space.ts';
import { runTrial, trialLog, trialName } from '../tune/trial.ts';
import { interruptible } from './interrupt.ts';
import { columns, print, say, sayTables } from './io.ts';
import {
  applySets,
  channelCount,
  collect,
  type EngineOptions,
  positiveInt,
  seedNumber,
  setRecord,
  splitRatios,
  withEngine,
  withFormat,
} from './options.ts';

interface TuneFlags extends EngineOptions {
  readonly data?: string;
  readonly space?: string;
  readonly trials: number;
  readonly objective: ObjectiveName;
  readonly sampler: SamplerName;
  readonly pruner: PrunerName;
  readonly epochs?: number;
  readonly leastEpochs: number;
  readonly reduction: number;
  readonly size?: number;
  readonly channels?: 1 | 3;
  readonly ratios?: SplitRatios;
  readonly resplit?: boolean;
  readonly splitSeed: number;
  readonly keepTogether?: 'near-duplicates';
  readonly labels?: string;
  readonly set?: readonly string[];
  readonly seed: number;
  readonly out?: string;
  readonly list?: boolean;
  readonly format: readonly Format[];
  readonly json?: boolean;
}

export function addTune(program: Command): void {
  withFormat(withEngine(program.command('tune')))
    .argument('[system]', 'name of a system, see soma models, or a .js file with your own')
    .description('Search for settings of a system, on validation images only; a stopped search goes on')
    .option('--data <path>', 'an .npz file, a folder of images, IDX or CIFAR files, or smear (built in)')
    .option('--space <space>', 'a JSON file, or a built-in space, see --list (default: that of the system)')
    .option('--trials <n>', 'trials in all; more of them go on with a search', positiveInt, 30)
    .addOption(new Option('--objective <name>', 'what is best').choices(OBJECTIVE_NAMES).default('val_loss'))
    .addOption(
      new Option('--sampler <name>', 'what chooses the points').choices(SAMPLER_NAMES).default('tpe'),
    )
    .addOption(new Option('--pruner <name>', 'what leaves bad trials early').choices(PRUNERS).default('none'))
    .option('--epochs <n>', 'of a whole training (default: the paper)', positiveInt)
    .option('--least-epochs <n>', 'before a pruner may leave a trial', positiveInt, 1)
    .option('--reduction <n>', 'of so many trials a pruner lets one go on', reductionFactor, 3)
    .option('--size <pixels>', 'images are resized to this (default: the paper)', positiveInt)
    .option('--channels <n>', 'read images as grey (1) or RGB (3) (default: as they are)', channelCount)
    .option('--ratios <shares>', 'train/val/test shares where splits are drawn, e.g. 80/10/10', splitRatios)
    .option('--resplit', 'draw all splits anew, also where some are stored')
    .option('--split-seed <n>', 'seed of drawn splits, the same for all trials', seedNumber, 0)
    .addOption(
      new Option('--keep-together <what>', 'what stays in one split where splits are drawn').choices([
        'near-duplicates',
      ]),
    )
    .option('--labels <log>', 'read labels through a log of soma data relabel')
    .option('--set <key=value>', 'change an option or a setting of all trials', collect)
    .option('--seed <n>', 'seed of the search; those of the trials follow from it', seedNumber, 0)
    .option('--out <folder>', 'where the search lives (default: tunings/<system>)')
    .option('--list', 'list the built-in spaces')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  soma tune --list
  soma tune scnn --data bloodmnist.npz --size 28 --trials 40 --pruner halving --epochs 27
  soma tune ae-cnn --data cells/ --sampler grid --trials 36
  soma tune se-cnn --data cells/ --space my-space.json --objective val_macro_f1 --out tunings/se-cnn

Several processes may work on one search at once: give each the same command, and --threads. Ctrl-C leaves
checkpoints; the same command goes on. A space is described in docs/tuning.md.`,
    )
    .action(async (system: string | undefined, flags: TuneFlags) => {
      process.exitCode = await run(system, flags);
    });
}

function reductionFactor(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 2) throw new InvalidArgumentError('Expected a whole number above 1.');
  return n;
}

async function run(name: string | undefined, flags: TuneFlags): Promise<number> {
  if (flags.list) return list(flags.json);
  if (!name || !flags.data)
    throw usage(
      `expected a system and --data, got ${name ?? 'no system'} and ${flags.data ?? 'no data'}; see soma tune --help`,
    );
  const system = await openSystem(name);
  const folder = resolve(flags.out ?? `tunings/${system.name}`);
  const definition = await define(name, system, flags.data, flags);
  await keepDefinition(folder, definition);
  announce(definition, folder, flags.trials);
  const interrupted = await searchWatched(definition, folder, flags);
  return conclude(definition, folder, interrupted, flags);
}

function list(json: boolean | undefined): number {
  const rows = Object.entries(SPACES).map(([name, { system, title, source, parameters }]) => [
    name,
    system ?? 'any with its parameters',
    `${allPoints({ set: {}, parameters }, 1e4)?.length ?? 'endless'}`,
    Object.keys(parameters).join(', '),
    `${title}; ${source}`,
  ]);
  print(SPACES, columns([['space', 'system', 'points', 'parameters', 'what'], ...rows]), json);
  return EXIT.ok;
}

function usage(message: string): SomaError {
  return new SomaError(`tune: ${message}`, EXIT.usage);
}

async function define(name: string, system: System, data: string, flags: TuneFlags): Promise<Definition> {
  if (!flags.space && !(system.name in SPACES))
    throw usage(
      `expected --space, for there is none of ${system.name}; optimizer suits every system, soma tune --list shows all, docs/tuning.md says how to write one`,
    );
  const space = await openSpace(flags.space ?? system.name);
  const set = setsOf(flags.set ?? [], space);
  checkSpace(system, space, set, flags);
  const { size, channels, ratios, resplit, splitSeed, keepTogether, labels, objective, sampler, seed } =
    flags;
  const dataset = await openData({
    source: data,
    ...publishedReading(system, { size, ratios }),
    ...{ channels, resplit, keepTogether, labels, seed: splitSeed },
  });
  const { fingerprint } = dataset;
  await dataset.close();
  tooFew(dataset).forEach(throwFirst());
  const { settings } = applySets(system, system.training, setTexts({ ...space.set, ...set }));
  const epochs = flags.epochs ?? settings.epochs;
  const { pruner: kind, leastEpochs, reduction } = flags;
  return {
    system: isSystemFile(name) ? resolve(name) : name,
    module: systemFile(name)?.fingerprint ?? null,
    ...{ set, space, fingerprint, objective, sampler, seed },
    data: resolveSource(data),
    reading: [
      ...(size ? ['--size', `${size}`] : []),
      ...(channels ? ['--channels', `${channels}`] : []),
      ...['--split-seed', `${splitSeed}`],
      ...(ratios ? ['--ratios', [ratios.train, ratios.val, ratios.test].join('/')] : []),
      ...(resplit ? ['--resplit'] : []),
      ...(keepTogether ? ['--keep-together', keepTogether] : []),
      ...(labels ? ['--labels', resolve(labels)] : []),
    ],
    pruner: { kind, epochs, leastEpochs, reduction },
  };
}

/** What `--set` says, by name. */
function setsOf(sets: readonly string[], { parameters }: Space): Record<string, Value> {
  const set = setRecord(sets) as Record<string, Value>;
  const searched = Object.keys(set).find((name) => name in parameters);
  if (searched) throw usage(`expected --set of what is not searched for, got ${searched}`);
  const kindOf = (name: string) => name.replace(/\.[^.]*$/, '.kind');
  const dependent = Object.keys(set).find((name) => kindOf(name) in parameters);
  if (dependent)
    throw usage(
      `expected --set of what all trials have, got ${dependent}, which depends on ${kindOf(dependent)}, and that is searched for; ` +
        `make it a parameter of the space with "when"`,
    );
  return set;
}

/** Throws a usage error where the system does not take what the space may choose. */
function checkSpace(
  system: System,
  space: Space,
  set: Readonly<Record<string, Value>>,
  { sampler, pruner, epochs }: TuneFlags,
): void {
  if (space.system !== undefined && space.system !== system.name)
    throw usage(
      `expected the system of the space, ${space.system}, got ${system.name}; take another --space`,
    );
  const chosen = { ...space.set, ...set, ...space.parameters };
  if ('maxSteps' in chosen) throw usage('expected trials that are validated, got maxSteps');
  if ('epochs' in chosen && (pruner !== 'none' || epochs))
    throw usage('expected epochs in one place, got them in the space or --set beside --pruner or --epochs');
  if (sampler === 'grid') checkGrid(space);
  for (const point of extremePoints(space))
    applySets(system, system.training, setTexts({ ...space.set, ...set, ...point }));
}

function announce({ space, sampler, pruner, objective }: Definition, folder: string, trials: number): void {
  say(`search   ${folder}`);
  say(`space    ${Object.keys(space.parameters).join(', ')}`);
  say(`trials   ${trials} by ${sampler}, pruner ${prunerText(pruner)}, best by ${objective}`);
}

/** @returns whether it was interrupted */
async function searchWatched(definition: Definition, folder: string, flags: TuneFlags): Promise<boolean> {
  const { space, sampler, seed } = definition;
  const pruner = makePruner(definition.pruner);
  const engine = engineArguments(flags);
  const onUnit = ({ trial, rung }: Unit, state: 'begins' | Found) => {
    const until = pruner.brackets[trial.bracket][rung];
    say(`${trialName(trial.number)} ${stateText(state, until, trial.point)}`);
  };
  return interruptible('stopping the trial after this step; once more to leave at once', (signal) =>
    search({
      ...{ folder, space, sampler, pruner, trials: flags.trials, seed, signal, onUnit },
      evaluate: (unit, claim) => runTrial(unit, claim, { folder, definition, pruner, engine, signal }),
    }),
  );
}

function stateText(state: 'begins' | Found, epochs: number, point: Unit['trial']['point']): string {
  if (state === 'begins') return `up to epoch ${epochs}: ${pointWords({ point })}`;
  if (state === 'interrupted') return 'interrupted, with a checkpoint';
  if ('failure' in state) return `failed: ${state.failure}`;
  return `${valueNumber(state.value)} in epoch ${state.epoch} of ${state.epochs}, ${duration(state.seconds)}`;
}

const ROWS = 10;

async function conclude(
  definition: Definition,
  folder: string,
  interrupted: boolean,
  { json, format, trials: wanted }: TuneFlags,
): Promise<number> {
  const trials = await readTrials(folder);
  const outcome = outcomeOf(definition, folder, trials);
  const { best, importance } = outcome;
  const failed = trials.filter((trial) => trial.failed);
  const elsewhere = trials.filter(({ pending }) => pending !== null);
  const report = trials.length > 0 ? await writeOutcome(outcome) : null;
  const [header, ...rows] = trialTexts(outcome);
  const tables = Object.values(tuneTables(outcome));
  if (report) await sayTables(join(folder, 'tables'), `Search for ${definition.system}`, tables, format);
  const lines = [
    columns([header, ...rows.slice(0, ROWS)]),
    '',
    `${trials.length} of ${wanted} trials, ${failed.length} failed${failed.length > 0 ? `: see ${trialLog(folder, failed[0].number)}` : ''}`,
    ...(importance
      ? [
          `importance ${importance.map(({ name, share }) => `${name} ${decimal(100 * share, 0)} %`).join(', ')}`,
        ]
      : []),
    ...(best
      ? [
          `best trial ${best.trial.number}: ${definition.objective} ${valueNumber(best.value)}, epoch ${best.epoch} of ${best.epochs}`,
          PROTOCOL,
          `again      ${best.command}`,
          `report ${report}`,
        ]
      : []),
  ];
  const result = {
    folder,
    objective: definition.objective,
    trials: trials.length,
    failed: failed.map(({ number, failed: why }) => ({ trial: number, reason: why?.reason })),
    elsewhere: elsewhere.map(({ number }) => number),
    best: best && {
      ...{ trial: best.trial.number, value: best.value, epoch: best.epoch, epochs: best.epochs },
      ...{ whole: best.isWhole, seed: best.trial.seed, parameters: best.trial.point },
      ...{ run: best.run, command: best.command },
    },
    importance: importance ?? null,
    report,
  };
  print(result, lines.join('\n'), json);
  if (interrupted) {
    say('interrupted; the same command goes on');
    return EXIT.interrupted;
  }
  if (elsewhere.length > 0)
    say(`${elsewhere.map(({ number }) => trialName(number)).join(', ')}: in the hands of another process`);
  return best ? EXIT.ok : EXIT.failed;
}
