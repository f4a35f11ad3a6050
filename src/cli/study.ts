/** `soma study`: trains all arms of a comparison, resumably, and writes its table and figures. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT, SomaError } from '../errors.ts';
import { writeAside } from '../files.ts';
import { commandLine, engineArguments } from '../jobs/child.ts';
import { setTexts } from '../jobs/set-texts.ts';
import { openSystem } from '../models/own-system.ts';
import { findSystem } from '../models/registry.ts';
import { decimal } from '../report/format.ts';
import { type Format, tableTexts } from '../report/tables.ts';
import { analyse } from '../study/analyse.ts';
import { keepData } from '../study/data.ts';
import { runArguments } from '../study/execute.ts';
import { isFinished, readJournal, seedsOf } from '../study/journal.ts';
import { type Performed, perform, type RunEvent } from '../study/perform.ts';
import { findStudy, STUDIES } from '../study/registry.ts';
import { studyTables, writeStudy } from '../study/report.ts';
import { expand, type StudyRun } from '../study/runs.ts';
import { type Arm, readStudy, type Study } from '../study/study.ts';
import { resolveSource } from '../train/data.ts';
import { interruptible } from './interrupt.ts';
import { columns, print, say, sayTables } from './io.ts';
import {
  applySets,
  collect,
  type EngineOptions,
  seedNumbers,
  withEngine,
  withFormat,
  words,
} from './options.ts';

interface StudyFlags extends EngineOptions {
  readonly data?: readonly string[];
  readonly out?: string;
  readonly seeds?: readonly number[];
  readonly arms?: readonly string[];
  readonly quick?: boolean;
  readonly list?: boolean;
  readonly dryRun?: boolean;
  readonly format: readonly Format[];
  readonly json?: boolean;
}

export function addStudy(program: Command): void {
  withFormat(withEngine(program.command('study')))
    .argument('[study]', 'name of a study, see --list, or a JSON file with one of your own')
    .description('Train and compare the arms of a study; a stopped one goes on where it was')
    .option(
      '--data <name=path>',
      'where the data of the study is; only the path where it needs one set',
      collect,
    )
    .option('--out <folder>', 'where runs and results go (default: studies/<study>)')
    .option('--seeds <list>', 'seeds instead of the study’s, e.g. 0,1,2', seedNumbers)
    .option('--arms <list>', 'only these arms, e.g. se-cnn,cbam-cnn; tables show whatever is finished', words)
    .option(
      '--quick',
      'one epoch, and one seed unless --seeds names others, on built-in data where no other is given',
    )
    .option('--list', 'list the studies')
    .option('--dry-run', 'print the commands of the runs that are left, and train nothing')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  soma study --list
  soma study pooling-or-attention --data bloodmnist_64.npz
  soma study resolution --data blood-28=bloodmnist.npz --data blood-64=bloodmnist_64.npz
  soma study blood-architectures --data bloodmnist_64.npz --arms vgg,resnet34 --seeds 0
  soma study my-study.json --data cells=cells/ --seeds 0,1,2

Several processes may work on one study at once. Ctrl-C leaves a checkpoint; the same command goes on.`,
    )
    .action(async (name: string | undefined, flags: StudyFlags) => {
      process.exitCode = await run(name, flags);
    });
}

async function run(name: string | undefined, flags: StudyFlags): Promise<number> {
  if (flags.list) return list(flags.json);
  if (!name)
    throw new SomaError('study: expected the name of a study, got none; see soma study --list', EXIT.usage);
  const study = name.endsWith('.json') ? await readStudy(name) : findStudy(name);
  for (const { system } of study.arms) await openSystem(system);
  const folder = resolve(flags.out ?? join('studies', flags.quick ? `${study.name}-quick` : study.name));
  const data = dataOf(study, flags);
  const runs = expand(study, flags);
  for (const arm of new Set(runs.map((each) => each.arm))) checkArm(study, arm);
  if (flags.dryRun) return dryRun(runs, data, folder, flags.json);
  await keepData(folder, data, study.data);
  const known = await readJournal(folder);
  // Before the study there is written over: what does not fit together is refused.
  for (const each of runs) isFinished(known, each, folder);
  await writeAside(join(folder, 'study.json'), `${JSON.stringify(study, null, 2)}\n`);
  const performed = await performWatched(runs, data, folder, flags);
  if (performed.interrupted) {
    say(`interrupted, ${performed.finished} of ${runs.length} runs are done; the same command goes on`);
    return EXIT.interrupted;
  }
  // Also what was finished with other seeds or arms than are asked for now.
  const seeds = new Set([...runs.map(({ seed }) => seed), ...seedsOf(await readJournal(folder))]);
  const all = expand(study, { quick: flags.quick, seeds: [...seeds].sort((a, b) => a - b) });
  const wanted = new Set(runs.map(({ id }) => id));
  const slots = Object.keys(study.data);
  const command = `soma study ${name} ${slots.map((slot) => `--data ${slots.length > 1 ? `${slot}=` : ''}…`).join(' ')}`;
  return conclude(study, all, wanted, folder, performed, { command, format: flags.format, json: flags.json });
}

function list(json: boolean | undefined): number {
  const rows = STUDIES.map((study) => [
    study.name,
    `${expand(study).length}`,
    Object.keys(study.data).join(', '),
    study.question,
  ]);
  print(STUDIES, columns([['study', 'runs', 'data', 'question'], ...rows]), json);
  return EXIT.ok;
}

/** A path for each data set of the study. */
function dataOf(study: Study, { data = [], quick }: StudyFlags): Record<string, string> {
  const slots = Object.keys(study.data);
  const paths = new Map<string, string>();
  for (const given of data) {
    const at = given.indexOf('=');
    const slot = at < 0 ? slots[0] : given.slice(0, at);
    if ((at < 0 && slots.length > 1) || !slots.includes(slot))
      throw usage(study, `--data ${slots.map((each) => `${each}=PATH`).join(' --data ')}`, given);
    const path = given.slice(at + 1);
    paths.set(slot, resolveSource(path));
  }
  const missing = slots.filter((slot) => !paths.has(slot));
  if (missing.length > 0 && !quick)
    throw usage(
      study,
      missing.map((slot) => `--data ${slot}=PATH (${study.data[slot].what})`).join(' and '),
      'none',
    );
  return Object.fromEntries(slots.map((slot) => [slot, paths.get(slot) ?? 'smear']));
}

/** Throws where an arm cannot be trained as it is written: better now than after those before it. */
function checkArm(study: Study, arm: Arm): void {
  const of = study.arms.find(({ name }) => name === arm.evaluates);
  const system = findSystem(arm.system);
  const where = (message: string) =>
    new SomaError(`study ${study.name}, ${arm.name}: ${message}`, EXIT.usage);
  try {
    const trained = of && applySets(system, system.training, setTexts(of.set));
    applySets(system, trained?.settings ?? system.training, setTexts(arm.set), trained?.options);
  } catch (error) {
    throw error instanceof SomaError ? where(error.message) : error;
  }
  if (arm.weights !== undefined && !existsSync(arm.weights))
    throw where(`expected a file of weights at ${resolve(arm.weights)}, got none`);
}

function usage({ name }: Study, expected: string, got: string): SomaError {
  return new SomaError(`study ${name}: expected ${expected}, got ${got}`, EXIT.usage);
}

async function dryRun(
  runs: readonly StudyRun[],
  data: Readonly<Record<string, string>>,
  folder: string,
  json: boolean | undefined,
): Promise<number> {
  const journal = await readJournal(folder);
  const left = runs.filter((run) => !isFinished(journal, run, folder));
  const commands = left.map((each) => commandLine(runArguments(each, data, join(folder, 'runs'))));
  print(
    { runs: runs.length, left: commands },
    [...commands, `${left.length} of ${runs.length} runs are left`].join('\n'),
    json,
  );
  return EXIT.ok;
}

/** Performs runs and says what becomes of each. */
export async function performWatched(
  runs: readonly StudyRun[],
  data: Readonly<Record<string, string>>,
  folder: string,
  flags: EngineOptions,
): Promise<Performed> {
  const began = new Map<string, number>();
  const onRun = ({ run, number, of, state, words }: RunEvent) => {
    if (state === 'begins') began.set(run.id, performance.now());
    const seconds = (performance.now() - (began.get(run.id) ?? performance.now())) / 1000;
    const texts = {
      begins: `begins; its words go to ${join(folder, 'logs', `${run.id}.log`)}`,
      done: `done in ${decimal(seconds / 60, 1)} min`,
      interrupted: 'interrupted, with a checkpoint',
      failed: `failed: ${words}`,
      elsewhere: `is in the hands of ${words}`,
      waits: `waits for ${run.evaluates}`,
    };
    say(`${number}/${of} ${run.id} ${texts[state]}`);
  };
  const engine = engineArguments(flags);
  return interruptible('stopping the run after this step; once more to leave at once', (signal) =>
    perform(runs, { folder, data, engine, signal, onRun }),
  );
}

/** Tables of what is finished, also where runs are still missing. */
async function conclude(
  study: Study,
  all: readonly StudyRun[],
  wanted: ReadonlySet<string>,
  folder: string,
  { elsewhere, waiting, failed }: Performed,
  { command, format, json }: Pick<StudyFlags, 'format' | 'json'> & { readonly command: string },
): Promise<number> {
  const journal = await readJournal(folder);
  const done = all.filter(({ id, key }) => journal.get(id)?.key === key);
  const others = all.filter(({ id, key }) => journal.has(id) && journal.get(id)?.key !== key);
  const runs = all.filter((each) => wanted.has(each.id) || done.includes(each));
  const analysis = await analyse(study, done, folder);
  const paths = await writeStudy(analysis, command, folder);
  const tables = studyTables(analysis);
  await sayTables(join(folder, 'tables'), study.title, Object.values(tables), format);
  const missing = [
    ...elsewhere.map(
      ({ id }) => `${id} is in the hands of another process; the same command shows it when it is done`,
    ),
    ...waiting.map(({ id, evaluates }) => `${id} waits for ${evaluates}`),
    ...others.map(({ id }) => `${id} has other settings than the study has now, and is left out`),
    ...failed.map(({ id }) => `${id} failed: see ${join(folder, 'logs', `${id}.log`)}`),
  ];
  const text = [
    columns(tableTexts(tables.arms)),
    ...[tables.pairs, tables.steps].flatMap((table) =>
      table.rows.length > 0 ? ['', columns(tableTexts(table))] : [],
    ),
    '',
    ...missing,
    `${done.length} of ${runs.length} runs`,
    `table ${paths.markdown}`,
    `report ${paths.report}`,
  ].join('\n');
  const result = {
    study: study.name,
    finished: done.length,
    runs: runs.length,
    arms: analysis.arms.map(
      ({ name, accuracy, accuracies, macroF1, parameters, measured, against, ...time }) => ({
        arm: name,
        ...{ accuracy, accuracies, macroF1, parameters, measured, against },
        ...{ epochSeconds: time.epochSeconds, estimatedSeconds: time.estimatedSeconds },
      }),
    ),
    pairs: analysis.pairs,
    ...paths,
  };
  print(result, text, json);
  return failed.length > 0 ? EXIT.failed : EXIT.ok;
}
