/** `soma energy`: what an image costs by three models, beside the dense twin of the network and the time it takes here. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { SPLITS, type Split } from '../data/dataset.ts';
import { withSpaced } from '../data/subset.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/select.ts';
import { makeFolder, writeAside } from '../files.ts';
import { FORMULAE } from '../measure/energy.ts';
import { energyFigures, renderEnergy, whatIs } from '../report/energy-report.ts';
import { writeFigures } from '../report/figure.ts';
import { decimal, joules, NONE, whole } from '../report/format.ts';
import { energyTables } from '../report/measured-tables.ts';
import type { Format } from '../report/tables.ts';
import { measureEnergy, type RunEnergy } from '../train/energy.ts';
import { openRunData, type Weights } from '../train/open-run.ts';
import { RunFolder } from '../train/run-folder.ts';
import { columns, print, sayTables } from './io.ts';
import { keepForReport } from './keep.ts';
import {
  type EngineOptions,
  positiveInt,
  positiveNumber,
  weightsOption,
  withEngine,
  withFormat,
} from './options.ts';
import { countingBar } from './progress.ts';
import { refuseRun, reportFolder } from './report-folder.ts';

interface EnergyFlags extends EngineOptions {
  readonly data?: string;
  readonly split: Split;
  readonly weights?: Weights;
  readonly images?: number;
  readonly onChip?: number;
  readonly seconds: number;
  readonly out?: string;
  readonly format: readonly Format[];
  readonly json?: boolean;
}

export function addEnergy(program: Command): void {
  withFormat(withEngine(program.command('energy')))
    .argument('<runs...>', 'run folders; several are set side by side')
    .description('Energy of an image by three models, of its dense twin too; a table of layers and a report')
    .option('--data <path>', 'other data with the same classes')
    .addOption(new Option('--split <name>', 'whose firing rates').choices(SPLITS).default('test'))
    .addOption(weightsOption())
    .option('--images <n>', 'so many images, evenly spaced over the split (default: all)', positiveInt)
    .option(
      '--on-chip <KiB>',
      'weights, membranes or maps of a layer that take more lie in DRAM (default: all on the chip)',
      positiveNumber,
    )
    .option('--seconds <n>', 'time for measuring each network and each twin', positiveNumber, 1)
    .option('--out <folder>', 'where the report goes (default: energy/ in the run; for several, here)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  soma energy runs/demo/scnn\n  soma energy runs/biasnn runs/lasnn --images 500\n  soma energy runs/demo/scnn runs/demo/ae-cnn --on-chip 512',
    )
    .action(run);
}

interface Measured {
  readonly folder: RunFolder;
  readonly name: string;
  readonly data: string;
  readonly energy: RunEnergy;
}

async function run(paths: string[], flags: EnergyFlags): Promise<void> {
  refuseRun(flags.out, 'energy');
  const engine = openEngine(flags);
  const measured: Measured[] = [];
  for (const path of paths) measured.push(await measureRun(new RunFolder(path), engine, flags));
  await report(measured, engine, flags);
}

async function measureRun(folder: RunFolder, engine: Engine, flags: EnergyFlags): Promise<Measured> {
  const { split, images, seconds } = flags;
  const config = await folder.config();
  const all = await openRunData(config, flags.data);
  const session = engine.createSession();
  const bar = countingBar(folder.name, 'images');
  try {
    const dataset = withSpaced(all, split, images);
    const weights = flags.weights ?? config.settings.evaluate;
    const onChip = flags.onChip === undefined ? undefined : 1024 * flags.onChip;
    const of = { run: folder, config, session, dataset, split, weights, onChip, seconds };
    const energy = await measureEnergy({ ...of, onProgress: bar.update });
    return { folder, name: folder.name, data: all.name, energy };
  } finally {
    bar.stop();
    session.close();
    await all.close();
  }
}

async function report(measured: readonly Measured[], engine: Engine, flags: EnergyFlags): Promise<void> {
  const folders = measured.map(({ folder }) => folder);
  const out = reportFolder('energy', flags.out, folders);
  const runs = measured.map(({ name, energy }) => ({ name, energy }));
  const { name, isa, threads } = engine.info;
  const cpu = cpus()[0]?.model.trim() ?? 'unknown processor';
  const machine = `${cpu}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${name} engine, ${isa}`;
  const { split, onChip = null } = flags;
  // Nothing is compared image by image, so that networks for images of other sizes may stand side by side.
  const data = [...new Set(measured.map((each) => each.data))].join(' and ');
  const about = { data: `${data}, ${split}`, split, machine, onChip };
  const figures = await energyFigures({ runs });
  await makeFolder(out);
  const unit = 'pJ of one image';
  const result = {
    ...about,
    unit,
    runs: runs.map((each) => ({ name: each.name, ...each.energy })),
  };
  await writeAside(join(out, 'energy.json'), `${JSON.stringify(result, null, 2)}\n`);
  await writeFigures(out, figures);
  const file = join(out, 'energy.html');
  await writeAside(file, renderEnergy({ runs, ...about }, figures));
  for (const { folder, data: own, energy } of measured) {
    const found = { ...about, data: `${own}, ${split}`, energy };
    await keepForReport(folder, 'energy', found, flags);
  }
  await sayTables(join(out, 'tables'), `Energy on ${about.data}`, energyTables(runs), flags.format);
  const formulae = FORMULAE.map(([what, formula]) => [what, formula]);
  const text = [
    ...runs.map((each) => textOf(each.name, each.energy, onChip)),
    columns([['formulae', ''], ...formulae]),
    `time: ${machine}`,
    `report ${file}`,
  ];
  print({ ...result, report: file }, text.join('\n\n'), flags.json);
}

const PICO = 1e-12;

function textOf(name: string, energy: RunEnergy, onChip: number | null): string {
  const { network, twin, spikes, everyStep, images, steps, warnings } = energy;
  const pico = (value: number) => joules(PICO * value);
  const rows = network.layers.map((row) => [
    row.layer,
    whatIs(row),
    row.macs === undefined ? NONE : `${decimal(row.macs / 1e6, 2)} M`,
    `${row.steps}`,
    row.rate === null ? NONE : decimal(row.rate, 4),
    `${decimal(row.multiplications / 1e6, 2)} M`,
    `${decimal(row.additions / 1e6, 2)} M`,
    pico(row.operations),
    pico(row.traffic.weights + row.traffic.activations + row.traffic.membranes),
  ]);
  const line = (what: string, own: string, other: string | undefined) => [what, own, other ?? NONE];
  const summary = [
    ['one image', 'network', 'dense twin'],
    ...(spikes ? [line('1 nJ a spike', joules(spikes.joulesPerImage), undefined)] : []),
    line(
      'operations, 45 nm',
      pico(network.totals.operations),
      twin ? pico(twin.totals.operations) : undefined,
    ),
    ...(twin ? [line('  all at every step, as paper (b)', pico(everyStep.operations), undefined)] : []),
    line(
      `operations and memory${onChip === null ? '' : `, ${onChip} KiB on the chip`}`,
      pico(network.totals.all),
      twin ? pico(twin.totals.all) : undefined,
    ),
    line(
      'time measured',
      `${decimal(network.milliseconds.median, 2)} ms`,
      twin ? `${decimal(twin.milliseconds.median, 2)} ms` : undefined,
    ),
  ];
  const head = [
    'layer',
    'what',
    'MAC',
    'times',
    'rate',
    'multiplications',
    'additions',
    'operations',
    'memory',
  ];
  return [
    `${name}: T = ${steps}, rates of ${whole(images)} images`,
    columns([head, ...rows]),
    '',
    columns(summary),
    ...(spikes ? [spikeText(spikes)] : []),
    ...warnings.map((warning) => `note: ${warning}`),
  ].join('\n');
}

function spikeText({ perImage, joulesPerSplit, epochs }: NonNullable<RunEnergy['spikes']>): string {
  const all = `1 nJ a spike: ${whole(perImage)} spikes per image, ${joules(joulesPerSplit)} for the images`;
  if (!epochs) return all;
  const { mean, least, most, total } = epochs;
  return `${all}; training ${joules(mean)} an epoch (${joules(least)}–${joules(most)}), ${joules(total)} in ${epochs.epochs} epochs`;
}
