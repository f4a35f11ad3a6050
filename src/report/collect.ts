/** From the folder of a run or an ensemble to what a report is made from. */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { z } from 'zod';
import { measure } from '../measure/metrics.ts';
import { readPredictions } from '../measure/predictions-csv.ts';
import { findSystem } from '../models/registry.ts';
import type { RunConfig } from '../train/config.ts';
import { monitored } from '../train/early-stopping.ts';
import type { RunFolder } from '../train/run-folder.ts';
import { measureSteps } from '../train/step-trace.ts';
import { readAnalyses } from './analyses.ts';
import { ensembleReport, isEnsemble } from './ensemble.ts';
import { readLatency } from './latency.ts';
import type { PretrainingReport, RunReport } from './types.ts';

/** `summary.json`: what only the training process knew. */
export const summarySchema = z.object({
  stopped: z.enum(['epochs', 'early', 'steps', 'paused', 'interrupted']),
  bestEpoch: z.int(),
  /** Planned memory of a training step. */
  peakBytes: z.number(),
  /** Largest resident memory of the process. */
  residentBytes: z.number(),
  warnings: z.array(z.string()),
});

export type Summary = z.output<typeof summarySchema>;

const NO_SUMMARY: Summary = {
  stopped: 'interrupted',
  bestEpoch: 0,
  peakBytes: 0,
  residentBytes: 0,
  warnings: [],
};

/** What the training process left; of a run that has not ended, nothing. */
export async function readSummary(run: RunFolder): Promise<Summary> {
  const text = await readFile(run.file('summary.json'), 'utf8').catch(() => undefined);
  return text === undefined ? NO_SUMMARY : summarySchema.parse(JSON.parse(text));
}

/**
 * Everything known of a run or an ensemble; `test` is left out where it has not been evaluated.
 * @param tested results that were just measured; read back from the folder when absent
 */
export async function collectReport(run: RunFolder, tested?: RunReport['test']): Promise<RunReport> {
  const report = isEnsemble(run) ? await ensembleReport(run) : await runReport(run);
  const test = tested ?? (await readTest(run));
  return { ...report, ...(test ? { test } : {}) };
}

async function runReport(run: RunFolder): Promise<RunReport> {
  const config = await run.config();
  const summary = await readSummary(run);
  const history = await run.history();
  const { system: name, settings, options, seed, data, parameters, environment, created } = config;
  const system = findSystem(name);
  const bytes = (file: string) =>
    stat(run.file(file)).then(
      (s) => s.size,
      () => 0,
    );
  const bestEpoch = summary.bestEpoch || bestOf(config, history);
  const pretraining = await readPretraining(run, config);
  const measured = measureSteps(await run.steps(), config);
  const latency = await readLatency(run);
  return {
    name: run.name,
    path: relative(process.cwd(), run.path) || '.',
    system: { name, title: system.title, paper: system.source },
    data,
    config: {
      ...{ created, seed, data: data.source, size: data.height, channels: data.channels },
      ...{ options, settings },
      'first weights': firstWeights(config),
      ...(config.weightsOf === undefined ? {} : { 'weights of': config.weightsOf }),
    },
    environment,
    history,
    bestEpoch,
    keptEpoch: settings.evaluate === 'last' ? history.length : bestEpoch,
    parameters,
    sizes: {
      weightsBytes: parameters * 4,
      fileBytes: await bytes('last.safetensors'),
      peakBytes: summary.peakBytes,
      residentBytes: summary.residentBytes,
    },
    ...(pretraining ? { pretraining } : {}),
    ...(measured ? { measured } : {}),
    ...(latency ? { latency } : {}),
    analyses: await readAnalyses(run, history.length),
    warnings: summary.warnings,
  };
}

/** Where the weights came from that training began with. */
function firstWeights({ weights, settings, pretrainingParameters }: RunConfig): string {
  if (settings.pretraining && pretrainingParameters !== undefined)
    return 'of the pre-training; the rest is drawn from the seed';
  if (!weights) return 'drawn from the seed';
  const { source, fingerprint, drawn } = weights;
  const rest = drawn.length > 0 ? `; drawn from the seed: ${drawn.join(', ')}` : '';
  return `${source}, SHA-256 ${fingerprint.slice(0, 12)}${rest}`;
}

async function readPretraining(run: RunFolder, config: RunConfig): Promise<PretrainingReport | undefined> {
  const { settings, pretrainingParameters: parameters } = config;
  const { pretraining } = findSystem(config.system);
  if (!pretraining || !settings.pretraining || parameters === undefined) return undefined;
  const history = await run.pretrainingHistory();
  const best = history.reduce((a, b) => (b.val_loss < a.val_loss ? b : a), history[0])?.epoch ?? 0;
  const epoch = settings.pretraining.evaluate === 'best' ? best : (history.at(-1)?.epoch ?? 0);
  return { title: pretraining.title, parameters, history, epoch };
}

function bestOf({ settings }: RunConfig, history: RunReport['history']): number {
  const sign = monitored(settings) === 'val_accuracy' ? -1 : 1;
  const value = (record: RunReport['history'][number]) =>
    sign * (sign < 0 ? record.val_accuracy : record.val_loss);
  return (
    history.reduce((best, record) => (value(record) < value(best) ? record : best), history[0])?.epoch ?? 0
  );
}

async function readTest(run: RunFolder): Promise<RunReport['test']> {
  const path = run.file('predictions-test.csv');
  // Only a missing table means "not tested yet"; a broken one is an error that names its row.
  if (!existsSync(path)) return undefined;
  const predictions = await readPredictions(path);
  return { metrics: measure(predictions), predictions };
}
