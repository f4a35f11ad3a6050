/**
 * A run folder with the weights of another run, whose options or data were changed after it was trained: what an
 * evaluation leaves behind, to be compared like any other run.
 */
import { existsSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Dataset } from '../data/dataset.ts';
import { relabellingText } from '../data/relabel.ts';
import { writeAside } from '../files.ts';
import { readSummary, type Summary } from '../report/collect.ts';
import { describeData, type RunConfig } from '../train/config.ts';
import { resolveSource } from '../train/data.ts';
import { specOf, type Weights } from '../train/open-run.ts';
import { PRETRAINING, RunFolder, TRAINING } from '../train/run-folder.ts';
import { evaluationStep } from '../train/step.ts';

export interface DeriveRequest {
  /** The run that was trained. */
  readonly run: RunFolder;
  readonly trained: RunConfig;
  /** The options that it is evaluated with. */
  readonly options: RunConfig['options'];
  readonly dataset: Dataset;
  /** What was given to `--data`; left out: the data of the run. */
  readonly source?: string;
  readonly weights: Weights;
  /** What a reader of the report must know besides. */
  readonly notes: readonly string[];
}

/** Makes the folder. Throws where it holds a run already. */
export async function deriveRun(path: string, request: DeriveRequest): Promise<RunFolder> {
  const { run, trained, options, dataset, source, weights, notes } = request;
  const changed: RunConfig = {
    ...trained,
    name: basename(path),
    created: new Date().toISOString(),
    options,
    settings: { ...trained.settings, evaluate: weights },
    data: describeData(dataset, source === undefined ? trained.data.source : resolveSource(source)),
    weightsOf: run.path,
  };
  const { net } = evaluationStep(specOf(changed), changed.settings, 1);
  const derived = await RunFolder.create(path, { ...changed, parameters: net.parameterCount });
  const left = [`${weights}.safetensors`, TRAINING.history, ...Object.values(PRETRAINING)];
  for (const file of left.filter((name) => existsSync(run.file(name))))
    await copyFile(run.file(file), derived.file(file));
  const summary = await readSummary(run);
  const told: Summary = {
    ...summary,
    warnings: [...summary.warnings, ...changes(trained, changed), ...notes],
  };
  await writeAside(derived.file('summary.json'), `${JSON.stringify(told, null, 2)}\n`);
  return derived;
}

/** What a reader of the report must know. */
function changes(trained: RunConfig, changed: RunConfig): string[] {
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  const options = Object.entries(changed.options).flatMap(([key, value]) =>
    isDeepStrictEqual(value, trained.options[key])
      ? []
      : [`tested with ${key} ${text(value)}, trained with ${key} ${text(trained.options[key])}`],
  );
  const { source, name, relabelling } = changed.data;
  const data = source === trained.data.source ? [] : [`tested on ${name}, trained on ${trained.data.name}`];
  const labels =
    relabelling && relabelling.fingerprint !== trained.data.relabelling?.fingerprint
      ? [`tested with other labels than trained with. ${relabellingText(relabelling)}`]
      : [];
  return [...options, ...data, ...labels];
}
