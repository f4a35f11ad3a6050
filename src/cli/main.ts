#!/usr/bin/env node
/** The command line. Each command is a file beside this. */
import { Command } from 'commander';
import { EXIT } from '../errors.ts';
import { mayBegin } from '../jobs/child.ts';
import { VERSION } from '../train/config.ts';
import { addBench } from './bench.ts';
import { addCompare } from './compare.ts';
import { addData } from './data.ts';
import { addEnergy } from './energy.ts';
import { addEnsemble } from './ensemble.ts';
import { addEvaluate } from './evaluate.ts';
import { addExplain } from './explain.ts';
import { explain } from './io.ts';
import { addModels } from './models.ts';
import { addPlan } from './plan.ts';
import { addPredict } from './predict.ts';
import { addReport } from './report.ts';
import { addReview } from './review.ts';
import { addRobustness } from './robustness.ts';
import { addSpikes } from './spikes.ts';
import { addStudy } from './study.ts';
import { addTrain } from './train.ts';
import { addTune } from './tune.ts';

const program = new Command('soma')
  .description('Train, measure and compare brain-inspired image classifiers on a CPU')
  .version(VERSION)
  .showSuggestionAfterError()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'soma: ')) })
  .configureHelp({ showGlobalOptions: true })
  .exitOverride()
  .addHelpText(
    'after',
    `
Exit codes: 0 done, 1 failed, 2 wrong usage, 73 a file could not be written, 130 interrupted (with a checkpoint).

A first run on built-in data:
  soma train scnn --data smear --size 28 --epochs 12 --lr 1e-3`,
  );

// In the order in which one needs them.
for (const add of [
  addModels,
  addPlan,
  addBench,
  addData,
  addTrain,
  addEvaluate,
  addCompare,
  addRobustness,
  addSpikes,
  addEnergy,
  addExplain,
  addReview,
  addReport,
  addEnsemble,
  addStudy,
  addTune,
  addPredict,
])
  add(program);

program.hook('preAction', () => {
  process.exitCode = EXIT.ok;
});

// A reader that has seen enough, such as `head`, closes the pipe: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.ok);
});

// Nobody hears what is said on the way, or the disk is full: no reason to give up the work.
process.stderr.on('error', () => {});

try {
  if (await mayBegin()) await program.parseAsync();
  else process.exitCode = EXIT.interrupted;
} catch (error) {
  process.exitCode = explain(error);
}
