/** `soma plan`: what a step of a system does, before the first batch. */
import type { Command } from 'commander';
import { algorithmName } from '../compile/choose.ts';
import { planBytes, stepCost } from '../compile/cost.ts';
import type { Plan, Step } from '../compile/plan.ts';
import { openEngine } from '../engine/select.ts';
import type { Value } from '../graph/value.ts';
import { findSystem } from '../models/registry.ts';
import { bytes } from '../report/format.ts';
import { randomFeeds } from '../train/random-feeds.ts';
import { evaluationStep, trainingStep } from '../train/step.ts';
import { columns, print } from './io.ts';
import { applySets, collect, type EngineOptions, positiveInt, withEngine } from './options.ts';

interface PlanOptions extends EngineOptions {
  readonly size?: number;
  readonly batchSize?: number;
  readonly classes: number;
  readonly channels: number;
  readonly set?: readonly string[];
  readonly evaluate?: boolean;
  readonly profile?: boolean;
  readonly json?: boolean;
}

export function addPlan(program: Command): void {
  withEngine(program.command('plan'))
    .argument('<system>', 'name of a system, see soma models')
    .description('Print the steps of a training step: shapes, MACs, bytes, and the peak memory')
    .option('--size <pixels>', 'height and width of the images (default: the paper)', positiveInt)
    .option('--batch-size <n>', 'images in a step (default: the paper)', positiveInt)
    .option('--classes <n>', 'number of classes', positiveInt, 8)
    .option('--channels <n>', 'channels of the images', positiveInt, 3)
    .option('--set <key=value>', 'change an option or a setting', collect)
    .option('--evaluate', 'the step of evaluation instead of training')
    .option('--profile', 'run it on random images and show the milliseconds of each step')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  soma plan scnn --size 28\n  soma plan ae-cnn --batch-size 64 --profile',
    )
    .action(run);
}

async function run(name: string, o: PlanOptions): Promise<void> {
  const system = findSystem(name);
  const { options, settings } = applySets(system, system.training, o.set ?? []);
  const size = o.size ?? system.size;
  const batchSize = o.batchSize ?? settings.batchSize;
  const spec = {
    system,
    options,
    classes: o.classes,
    height: size,
    width: size,
    channels: o.channels,
    seed: 0,
  };
  const { plan, net } = o.evaluate
    ? evaluationStep(spec, settings, batchSize)
    : trainingStep(spec, settings, batchSize, null);
  const measured = o.profile ? await profile(plan, o) : undefined;
  const rows = plan.steps.map((step, i) => describe(step, measured?.milliseconds[i]));
  const memory = planBytes(plan);
  const peak = memory.variables + memory.arena + memory.io + (measured?.scratch ?? 0);
  const macs = rows.reduce((sum, row) => sum + row.macs, 0);
  const header = ['layer', 'step', 'kernel', 'result', 'MACs', 'bytes', ...(measured ? ['ms'] : [])];
  const table = columns([
    header,
    ...rows.map((row) => [
      row.layer || '–',
      row.ops.join(' + '),
      row.kernel ?? '–',
      row.results.join(', ') || 'in place',
      row.macs === 0 ? '–' : `${(row.macs / 1e6).toFixed(1)} M`,
      bytes(row.bytes),
      ...(row.milliseconds === undefined ? [] : [row.milliseconds.toFixed(2)]),
    ]),
  ]);
  const total = measured?.milliseconds.reduce((sum, ms) => sum + ms, 0);
  const text = [
    table,
    '',
    `${plan.name}: ${size}×${size}×${o.channels}, batch ${batchSize}, ${net.parameterCount.toLocaleString('en')} parameters`,
    `MACs ${(macs / 1e9).toFixed(2)} G if nothing were skipped${total === undefined ? '' : `, ${total.toFixed(1)} ms`}`,
    `peak memory of a step ${bytes(peak)}: variables ${bytes(memory.variables)}, arena ${bytes(memory.arena)}, ` +
      `inputs and results ${bytes(memory.io)}${measured ? `, scratch ${bytes(measured.scratch)}` : ''}`,
  ].join('\n');
  print(
    { name: plan.name, size, batchSize, parameters: net.parameterCount, macs, memory, peak, steps: rows },
    text,
    o.json,
  );
}

function typeText({ dtype, shape, time }: Value): string {
  return `${dtype}${time === null ? '' : ` T${time}`}[${shape.join('×')}]`;
}

function describe(step: Step, milliseconds?: number) {
  return {
    layer: step.root.scope,
    ops: step.nodes.map((node) => node.op.name),
    kernel: step.conv && algorithmName(step.conv),
    cycles: step.conv?.cycles,
    results: step.outputs.map(typeText),
    ...stepCost(step),
    milliseconds,
  };
}

/** Median milliseconds of each step over a few runs on random images. */
async function profile(plan: Plan, options: EngineOptions) {
  const session = openEngine(options).createSession();
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
