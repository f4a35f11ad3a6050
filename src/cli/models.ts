/** `soma models`: what there is. */
import type { Command } from 'commander';
import { stepCost } from '../compile/cost.ts';
import { SYSTEMS } from '../models/registry.ts';
import { classesOf, type System } from '../models/system.ts';
import { reconstructionStep } from '../train/reconstruction-step.ts';
import { evaluationStep, type TracedStep } from '../train/step.ts';
import { columns, print } from './io.ts';
import { positiveInt } from './options.ts';

export function addModels(program: Command): void {
  program
    .command('models')
    .description('List the systems: parameters, MACs and published settings')
    .option('--classes <n>', 'number of classes (default: those of the paper’s data)', positiveInt)
    .option('--json', 'print JSON, with the options of each system and all settings')
    .addHelpText(
      'after',
      '\nExamples:\n  soma models\n  soma models --classes 10\n\nThe steps of one system: soma plan <system>; what its options mean: docs/systems.md',
    )
    .action(({ classes, json }: { classes?: number; json?: boolean }) => {
      const systems = Object.values<System>(SYSTEMS as Record<string, System>);
      const rows = systems.map((system) => describe(system, classes ?? classesOf(system)));
      const text = columns([
        [
          'system',
          'title',
          'source',
          'size',
          'classes',
          'parameters',
          'with statistics',
          'in the paper',
          'MACs an image',
          'optimizer',
          'lr',
          'batch',
          'epochs',
        ],
        ...rows
          .flatMap(withPretraining)
          .map((r) => [
            r.name,
            r.title,
            r.source,
            `${r.size}`,
            `${r.classes}`,
            r.parameters.toLocaleString('en'),
            r.total.toLocaleString('en'),
            r.reported ?? '–',
            `${(r.macs / 1e6).toFixed(1)} M`,
            r.training.optimizer.kind,
            `${r.training.lr}`,
            `${r.training.batchSize}`,
            `${r.training.epochs}`,
          ]),
      ]);
      print(rows, text, json);
    });
}

/** What is trained before it stands in a line of its own below a system. */
function withPretraining(
  row: ReturnType<typeof describe>,
): Omit<ReturnType<typeof describe>, 'pretraining'>[] {
  const { pretraining, training } = row;
  if (!pretraining || !training.pretraining) return [row];
  const first = { ...pretraining, training: { ...training, ...training.pretraining } };
  return [row, { ...row, ...first, name: '', source: 'trained first', reported: undefined }];
}

function describe(system: System, classes: number) {
  const { name, title, summary, source, reported, size, training, options } = system;
  const defaults = options.parse({}) as Record<string, unknown>;
  const spec = { system, options: defaults, classes, height: size, width: size, channels: 3, seed: 0 };
  return {
    name,
    title,
    summary,
    source,
    size,
    classes,
    reported,
    ...countsOf(evaluationStep(spec, training, 1)),
    options: defaults,
    training,
    ...(system.pretraining
      ? { pretraining: { title: system.pretraining.title, ...countsOf(reconstructionStep(spec, 1)) } }
      : {}),
  };
}

function countsOf({ net, plan }: TracedStep) {
  return {
    parameters: net.parameterCount,
    /** Running means and variances, and fixed constants of neurons, included: as Keras counts. */
    total: net.parameterCount + net.stateCount,
    macs: plan.steps.reduce((sum, step) => sum + stepCost(step).macs, 0),
  };
}
