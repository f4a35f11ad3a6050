/** `soma bench`: what this machine makes of the systems, or of trained networks. */
import { cpus } from 'node:os';
import type { Command } from 'commander';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/select.ts';
import { EXIT, SomaError } from '../errors.ts';
import { openSystem } from '../models/own-system.ts';
import { SYSTEMS } from '../models/registry.ts';
import { classesOf, sideOf } from '../models/system.ts';
import { systemBenchTable } from '../report/measured-tables.ts';
import { type Format, tableTexts } from '../report/tables.ts';
import { benchSystem, type SystemBench } from '../train/bench.ts';
import { VERSION } from '../train/config.ts';
import { benchRuns, isRun, sayBenchTables } from './bench-runs.ts';
import { columns, print, say } from './io.ts';
import {
  applySets,
  collect,
  type EngineOptions,
  positiveInt,
  positiveNumber,
  withEngine,
  withFormat,
} from './options.ts';

interface BenchCommandOptions extends EngineOptions {
  readonly size?: number;
  readonly batchSize?: number;
  readonly seconds: number;
  readonly classes?: number;
  readonly channels: number;
  readonly set?: readonly string[];
  readonly data?: string;
  readonly out?: string;
  readonly format: readonly Format[];
  readonly json?: boolean;
}

export function addBench(program: Command): void {
  withFormat(withEngine(program.command('bench')))
    .argument('[systems or runs...]', 'names of systems, see soma models (default: all), or run folders')
    .description(
      'Measure steps, predictions and memory of systems, or latency and size of runs, on this machine',
    )
    .option('--size <pixels>', 'height and width of the images (default: the paper)', positiveInt)
    .option(
      '--batch-size <n>',
      'images in a training step (default: the paper); of a run, in the larger batch of predictions (64)',
      positiveInt,
    )
    .option('--seconds <n>', 'time for each measurement of a system or run', positiveNumber, 2)
    .option('--classes <n>', 'number of classes (default: those of the paper’s data)', positiveInt)
    .option('--channels <n>', 'channels of the images', positiveInt, 3)
    .option('--set <key=value>', 'change an option or a setting', collect)
    .option('--data <path>', 'images for runs, or noise (default: those of each run)')
    .option(
      '--out <folder>',
      'where the tables of --format go (default: bench/ in the run; for several, or systems, here)',
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Of systems, images are noise and weights initial; spiking networks get slower as their neurons fire more. A run has its
own weights and real images, whose reading is not counted: one at a time (median, mean and 95th percentile of 50 runs or more), a larger batch,
and megabytes (10⁶) and mebibytes (2²⁰) of weights, of weights with the optimizer's slots, and of the files.

Examples:
  soma bench
  soma bench scnn --size 28 --batch-size 64 --threads 2
  soma bench scnn --set T=4 --json
  soma bench runs/demo/scnn runs/demo/ae-cnn --threads 1`,
    )
    .action(run);
}

/** What a run has settled. */
const OF_SYSTEMS = ['size', 'classes', 'channels', 'set'] as const;

async function run(names: readonly string[], o: BenchCommandOptions, command: Command): Promise<void> {
  const runs = names.filter(isRun);
  if (runs.length > 0) {
    const strange =
      names.find((each) => !isRun(each)) ??
      OF_SYSTEMS.find((key) => command.getOptionValueSource(key) === 'cli')?.replace(/^/, '--');
    if (strange)
      throw new SomaError(`bench: expected runs alone, got ${strange} beside ${runs[0]}`, EXIT.usage);
    const engine = openEngine(o);
    sayMachine(engine);
    return benchRuns(names, engine, o);
  }
  if (o.data !== undefined)
    throw new SomaError(
      `bench: expected run folders with --data, got ${names.join(', ') || 'none'}`,
      EXIT.usage,
    );
  const systems = [];
  for (const each of names.length > 0 ? names : Object.keys(SYSTEMS)) systems.push(await openSystem(each));
  const jobs = systems.map((system) => ({ system, ...applySets(system, system.training, o.set ?? []) }));
  const engine = openEngine(o);
  const { name, isa, threads } = engine.info;
  const { cpu, machine } = sayMachine(engine);
  const results: SystemBench[] = [];
  for (const { system, options, settings } of jobs) {
    const { classes = classesOf(system), channels } = o;
    const size = o.size ?? sideOf(system, channels);
    const spec = { system, options, classes, channels, height: size, width: size, seed: 0 };
    const batchSize = o.batchSize ?? settings.batchSize;
    results.push(
      await benchSystem(engine, spec, settings, { batchSize, seconds: o.seconds, onProgress: say }),
    );
  }
  const environment = { soma: VERSION, node: process.version, cpu, engine: name, isa, threads };
  const table = systemBenchTable(results, machine);
  await sayBenchTables(o.out ?? 'bench', [table], o.format);
  print({ ...environment, systems: results }, columns(tableTexts(table)), o.json);
}

function sayMachine({ info: { name, isa, threads } }: Engine): { cpu: string; machine: string } {
  const cpu = cpus()[0]?.model.trim() ?? 'unknown processor';
  const machine = `${cpu}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${name} engine, ${isa}`;
  say(machine);
  return { cpu, machine };
}
