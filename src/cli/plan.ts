/** `soma plan`: what a step of a system does, before the first batch. */
import type { Command } from 'commander';
import { algorithmName } from '../compile/choose.ts';
import { planBytes, runsOf, stepCost } from '../compile/cost.ts';
import type { Plan, Step } from '../compile/plan.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/select.ts';
import { size as sizeOf, type Value } from '../graph/value.ts';
import { openSystem } from '../models/own-system.ts';
import type { TrainingSettings } from '../models/settings.ts';
import { classesOf, sideOf } from '../models/system.ts';
import { bytes } from '../report/format.ts';
import { randomFeeds } from '../train/random-feeds.ts';
import { pretrainingStep, reconstructionStep } from '../train/reconstruction-step.ts';
import { evaluationStep, type NetworkSpec, type TracedStep, trainingStep } from '../train/step.ts';
import { columns, print } from './io.ts';
import { applySets, collect, type EngineOptions, positiveInt, withEngine } from './options.ts';

interface PlanOptions extends EngineOptions {
  readonly size?: number;
  readonly batchSize?: number;
  readonly classes?: number;
  readonly channels: number;
  readonly set?: readonly string[];
  readonly evaluate?: boolean;
  readonly pretraining?: boolean;
  readonly profile?: boolean;
  readonly json?: boolean;
}

export function addPlan(program: Command): void {
  withEngine(program.command('plan'))
    .argument('<system>', 'name of a system, see soma models, or a .js file with your own')
    .description('Print the steps of a training step: shapes, MACs, bytes, and the peak memory')
    .option('--size <pixels>', 'height and width of the images (default: the paper)', positiveInt)
    .option('--batch-size <n>', 'images in a step (default: the paper)', positiveInt)
    .option('--classes <n>', 'number of classes (default: those of the paper’s data)', positiveInt)
    .option('--channels <n>', 'channels of the images', positiveInt, 3)
    .option('--set <key=value>', 'change an option or a setting', collect)
    .option('--evaluate', 'the step of evaluation instead of training')
    .option('--pretraining', 'the step of the network that is trained first, where there is one')
    .option('--profile', 'run it on random images and show the milliseconds of each step')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  soma plan scnn --size 28\n  soma plan ae-cnn --batch-size 64 --profile',
    )
    .action(run);
}

async function run(name: string, o: PlanOptions): Promise<void> {
  const system = await openSystem(name);
  const { options, settings } = applySets(system, system.training, o.set ?? []);
  const { classes = classesOf(system) } = o;
  const size = o.size ?? sideOf(system, o.channels);
  const { pretraining } = settings;
  const batchSize = o.batchSize ?? ((o.pretraining && pretraining) || settings).batchSize;
  const spec = {
    system,
    options,
    classes,
    height: size,
    width: size,
    channels: o.channels,
    seed: 0,
  };
  const { plan, net } = o.pretraining
    ? tracePretraining(spec, settings, batchSize, o.evaluate)
    : o.evaluate
      ? evaluationStep(spec, settings, batchSize)
      : trainingStep(spec, settings, batchSize, null);
  const first = !o.pretraining && pretraining && system.pretraining;
  const engine = openEngine(o);
  const measured = o.profile ? await profile(plan, engine) : undefined;
  const rows = plan.steps.map((step, i) => describe(plan, step, i, measured?.milliseconds[i]));
  const memory = { ...planBytes(plan, engine.info.threads), scratch: measured?.scratch ?? 0 };
  const peak = Object.values(memory).reduce((sum, part) => sum + part, 0);
  const trained = net.trainable.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const frozen = net.parameterCount - trained;
  const macs = rows.reduce((sum, row) => sum + row.macs, 0);
  const total = measured?.milliseconds.reduce((sum, ms) => sum + ms, 0);
  const text = [
    stepTable(rows, measured !== undefined),
    '',
    `${plan.name}: ${size}×${size}×${o.channels}, ${classes} classes, batch ${batchSize}, ${net.parameterCount.toLocaleString('en')} parameters${frozen > 0 ? `, of which ${trained.toLocaleString('en')} are trained` : ''}`,
    ...(first
      ? [
          `trained first: the ${first.title}, ${reconstructionStep(spec, 1).net.parameterCount.toLocaleString('en')} parameters, see --pretraining`,
        ]
      : []),
    `MACs ${(macs / 1e9).toFixed(2)} G if nothing were skipped${total === undefined ? '' : `, ${total.toFixed(1)} ms`}`,
    ...loopText(plan, batchSize),
    `peak memory of a step ${bytes(peak)}: variables ${bytes(memory.variables)}, arena ${bytes(memory.arena)}, ` +
      (memory.micro > 0 ? `micro-batches ${bytes(memory.micro)}, ` : '') +
      `inputs and results ${bytes(memory.io)}${measured ? `, scratch ${bytes(memory.scratch)}` : ''}`,
  ].join('\n');
  const { loop } = plan;
  print(
    {
      name: plan.name,
      size,
      batchSize,
      parameters: net.parameterCount,
      trained,
      macs,
      memory,
      peak,
      loop,
      steps: rows,
    },
    text,
    o.json,
  );
}

function tracePretraining(
  spec: NetworkSpec,
  { pretraining }: TrainingSettings,
  batchSize: number,
  evaluate = false,
): TracedStep {
  if (spec.system.pretraining && pretraining && !evaluate)
    return pretrainingStep(spec, pretraining, batchSize);
  return reconstructionStep(spec, batchSize);
}

function loopText({ loop, steps, microBytes }: Plan, batchSize: number): string[] {
  if (!loop) return [];
  const { first, end, count } = loop;
  const images = batchSize / count;
  return [
    `steps ${first + 1} to ${end} of ${steps.length} run ${count} times, ${images} ${images === 1 ? 'image' : 'images'} at a time, ` +
      `in ${bytes(microBytes)} for each thread`,
  ];
}

function stepTable(rows: readonly StepRow[], measured: boolean): string {
  const repeats = rows.some(({ runs, again }) => runs > 1 || again);
  const header = ['layer', 'step', 'kernel', 'result', ...(repeats ? ['runs'] : []), 'MACs', 'bytes'];
  return columns([
    [...header, ...(measured ? ['ms'] : [])],
    ...rows.map((row) => [
      row.layer || '–',
      row.ops.join(' + '),
      row.kernel ?? '–',
      row.results.join(', ') || 'in place',
      ...(repeats ? [row.again ? 'again' : `${row.runs}`] : []),
      row.macs === 0 ? '–' : `${(row.macs / 1e6).toFixed(1)} M`,
      bytes(row.bytes),
      ...(row.milliseconds === undefined ? [] : [row.milliseconds.toFixed(2)]),
    ]),
  ]);
}

function typeText({ dtype, shape, time }: Value): string {
  return `${dtype}${time === null ? '' : ` T${time}`}[${shape.join('×')}]`;
}

type StepRow = ReturnType<typeof describe>;

/** MACs, bytes and time are those of all its runs. */
function describe(plan: Plan, step: Step, i: number, milliseconds?: number) {
  const runs = runsOf(plan, i);
  const { macs, bytes: moved } = stepCost(step);
  return {
    layer: step.root.scope,
    ops: step.nodes.map((node) => node.op.name),
    kernel: step.conv && algorithmName(step.conv),
    cycles: step.conv?.cycles,
    results: step.outputs.map(typeText),
    runs,
    /** Its result was made before, and not kept. */
    again: plan.steps.indexOf(step) < i,
    macs: macs * runs,
    bytes: moved * runs,
    milliseconds,
  };
}

/** Median milliseconds of each step over a few runs on random images. */
async function profile(plan: Plan, engine: Engine) {
  const session = engine.createSession();
  const program = session.load(plan);
  const feeds = randomFeeds(plan);
  const runs: Float64Array[] = [];
  for (let i = 0; i < 7; i++) {
    const { seconds } = await program.run(feeds, { profile: true });
    if (seconds && i > 1) runs.push(seconds);
  }
  const { scratch } = session.memory();
  session.close();
  const milliseconds = plan.steps.map((_, i) => {
    const sorted = runs.map((run) => run[i] * 1e3).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  });
  return { milliseconds, scratch };
}
