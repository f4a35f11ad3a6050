/**
 * Cross-validation as a study without tables: an arm for each part, trained on the others, so that claims, resuming and
 * processes of their own are those of every study. Every image of the pool is tested once.
 */
import type { Split } from '../data/dataset.ts';
import { SomaError } from '../errors.ts';
import { joinPredictions } from '../measure/join-predictions.ts';
import type { Predictions } from '../measure/predictions.ts';
import { readPredictions } from '../measure/predictions-csv.ts';
import type { RunConfig } from '../train/config.ts';
import { runFolder } from './execute.ts';
import { expand, type StudyRun } from './runs.ts';
import { defineStudy } from './study.ts';

export interface CrossValidation {
  readonly system: string;
  readonly folds: number;
  /** Splits whose images are dealt into folds. */
  readonly pool: readonly Split[];
  /** Of the folds and of the networks. */
  readonly seed: number;
  readonly size?: number;
  readonly channels?: 1 | 3;
  readonly keepTogether?: 'near-duplicates';
  /** Path of a log that labels are read through. */
  readonly labels?: string;
  /** Options of the system and settings. */
  readonly set: Readonly<Record<string, unknown>>;
}

const name = (number: number) => `fold-${number}`;

/** The runs, one for each fold. Each takes its data by the name of its fold: `dataOf`. */
export function foldRuns(options: CrossValidation): StudyRun[] {
  const { system, folds, pool, seed, size, channels, keepTogether, labels, set } = options;
  const numbers = Array.from({ length: folds }, (_, i) => i + 1);
  const study = defineStudy({
    name: 'cross-validation',
    title: 'Cross-validation',
    question: 'What do networks say about images that they have not learnt from?',
    data: Object.fromEntries(
      numbers.map((number) => [
        name(number),
        {
          what: 'the data',
          ...(channels ? { channels } : {}),
          ...(labels ? { labels } : {}),
          split: { seed, keepTogether, fold: { number, of: folds, pool: [...pool] } },
        },
      ]),
    ),
    seeds: [seed],
    arms: numbers.map((number) => ({
      ...{ name: name(number), system, data: name(number), set: { ...set } },
      ...(size ? { size } : {}),
    })),
  });
  return expand(study);
}

/** The path of the data for each fold. */
export function dataOf(runs: readonly StudyRun[], path: string): Record<string, string> {
  return Object.fromEntries(runs.map(({ arm }) => [arm.data, path]));
}

/**
 * What finished folds say about the images that they were tested on.
 * @throws SomaError where folds are not of the same data and labels
 */
export async function foldPredictions(
  runs: readonly StudyRun[],
  folder: string,
): Promise<{ predictions: Predictions; config: RunConfig }> {
  const parts: Predictions[] = [];
  let first: RunConfig | undefined;
  for (const run of runs) {
    const { file, config } = await readFold(run, folder);
    first ??= config;
    if (config.data.relabelling?.fingerprint !== first.data.relabelling?.fingerprint)
      throw new SomaError(
        `${folder}: expected folds with the same labels, got others in ${run.id}; the log has changed in between: choose another --out`,
      );
    parts.push(await readPredictions(file));
  }
  if (!first) throw new SomaError(`${folder}: expected two or more folds, got none`);
  return { predictions: joinPredictions(parts), config: first };
}

async function readFold(run: StudyRun, folder: string) {
  const target = runFolder(folder, run);
  return { file: target.file('predictions-test.csv'), config: await target.config() };
}
