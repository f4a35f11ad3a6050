/** Starting a run, and opening one that exists: configuration, data, engine and session belong together. */

import { existsSync } from 'node:fs';
import type { Plan } from '../compile/plan.ts';
import { type AsClassesOptions, asClasses } from '../data/as-classes.ts';
import { type Dataset, SPLITS } from '../data/dataset.ts';
import { throwFirst } from '../data/fault.ts';
import { EVERYTHING } from '../data/folds.ts';
import { logFingerprint, readRelabelLog } from '../data/relabel-log.ts';
import { tooFew } from '../data/too-few.ts';
import type { Engine, Program, Session } from '../engine/engine.ts';
import { mismatch, SomaError } from '../errors.ts';
import type { Variable } from '../graph/value.ts';
import { parsed } from '../models/parsed.ts';
import { findSystem, systemFile } from '../models/registry.ts';
import type { TrainingSettings } from '../models/settings.ts';
import { loadCheckpoint } from './checkpoint.ts';
import { describeData, environmentOf, type RunConfig } from './config.ts';
import { openData } from './data.ts';
import { weightsTarget } from './handed-on.ts';
import { beginPass } from './pass.ts';
import { reconstructionStep } from './reconstruction-step.ts';
import { PRETRAINING, type RunFolder, TRAINING } from './run-folder.ts';
import { evaluationStep, type NetworkSpec, predictionStep } from './step.ts';
import { matchWeights, notIn, openWeights, type WeightsFile } from './weights.ts';

export interface RunRequest {
  readonly name: string;
  readonly system: string;
  /** Options of the system that differ from its defaults. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly settings: TrainingSettings;
  readonly seed: number;
  readonly source: string;
  readonly dataset: Dataset;
  readonly engine: Engine;
  /** Weights to start from, which must fit; left out: they are drawn. */
  readonly weights?: WeightsFile;
}

/** Everything that a new run writes down before its first step. */
export function configure(request: RunRequest): RunConfig {
  const { name, system: systemName, seed, source, dataset, engine, weights } = request;
  // A file of weights stands for what a pre-training would have learnt.
  const settings = weights ? { ...request.settings, pretraining: null } : request.settings;
  const system = findSystem(systemName);
  expectTrainable(dataset, settings);
  const file = systemFile(systemName);
  const options = parsed(system.options, request.options, `options of ${system.name}`) as Record<
    string,
    unknown
  >;
  const config = {
    name,
    created: new Date().toISOString(),
    system: system.name,
    ...(file ? { systemFile: file } : {}),
    options,
    settings,
    seed,
    data: describeData(dataset, source),
    parameters: 0,
    environment: environmentOf(engine.info),
  };
  const spec = specOf(config);
  const { net } = evaluationStep(spec, settings, 1);
  const found = {
    ...config,
    ...(weights ? { weights: foundIn(weights, spec, net.variables) } : {}),
    parameters: net.parameterCount,
  };
  if (!settings.pretraining) return found;
  return { ...found, pretrainingParameters: reconstructionStep(spec, 1).net.parameterCount };
}

/** What is written down of a file of weights. Throws where it does not fit the network. */
function foundIn(
  weights: WeightsFile,
  spec: NetworkSpec,
  network: readonly Variable[],
): RunConfig['weights'] {
  const matched = matchWeights(weights, weightsTarget(spec, network));
  return { source: weights.path, fingerprint: weights.fingerprint, drawn: notIn(matched, network) };
}

/** Throws where a training could not end well, before hours are spent on it. */
function expectTrainable(dataset: Dataset, { maxSteps }: TrainingSettings): void {
  const { name, classes, splits } = dataset;
  for (const split of SPLITS) {
    const { length, labels } = splits[split];
    if (labels.length !== length)
      throw mismatch(name, `a label for each of ${length} ${split} images`, labels.length);
    const wrong = labels.findIndex((label) => !(label >= 0 && label < classes.length));
    if (wrong >= 0)
      throw mismatch(
        name,
        `labels from 0 to ${classes.length - 1}`,
        `${labels[wrong]} of ${split} image ${wrong}`,
      );
  }
  tooFew(dataset, !maxSteps).forEach(throwFirst());
}

/** What to know of a run that begins without what it should build on; nothing for all others. */
export function beginningWarning(config: RunConfig): string | undefined {
  const spec = specOf(config);
  const { pretraining } = spec.system;
  if (config.settings.pretraining) return undefined;
  if (config.weights)
    return pretraining ? `no pre-training: the weights are those of ${config.weights.source}` : undefined;
  const { net } = evaluationStep(spec, config.settings, 1);
  const frozen = net.trainable.length < net.parameters.length;
  if (pretraining)
    return (
      `no pre-training: what the ${pretraining.title} would have learnt is drawn from the seed` +
      (frozen ? ', and stays so because it is frozen' : '')
    );
  if (!frozen) return undefined;
  return 'layers are frozen that nobody trained: without --weights they are drawn from the seed, and stay so';
}

/** The network of a configuration. */
export function specOf({ system, options, data, seed }: Omit<RunConfig, 'parameters'>): NetworkSpec {
  const { height, width, channels, classes } = data;
  return { system: findSystem(system), options, classes: classes.length, height, width, channels, seed };
}

export interface RunDataOptions extends AsClassesOptions {
  /** A log to read labels through instead of the run's own; other data has none of its own. */
  readonly labels?: string;
  /** All images of other data are its test images. */
  readonly everything?: boolean;
}

/**
 * The data of a run, or `other` data for its network. The run's own data must not have changed since; classes of other
 * data are matched by name, and must be known to the run.
 */
export async function openRunData(
  config: RunConfig,
  other?: string,
  options: RunDataOptions = {},
): Promise<Dataset> {
  const { source, fingerprint, relabelling, splitting } = config.data;
  if (other === undefined && options.labels === undefined) await refuseChangedLog(config);
  const dataset = await reopenData(config, other, options);
  if (other === undefined) {
    const [was, is] =
      options.labels === undefined
        ? [fingerprint, dataset.fingerprint]
        : [relabelling?.stored ?? fingerprint, dataset.relabelling?.stored];
    // That of a fold is not that of the data it was made from.
    if (was !== is && !(options.labels !== undefined && splitting?.fold))
      throw mismatch(
        source,
        `the data of the run, fingerprint ${was.slice(0, 12)}`,
        is?.slice(0, 12),
        'the files have changed since: restore them, or name the new ones with --data',
      );
  }
  return asClasses(dataset, config.data.classes, options);
}

/** Other data for a run as it is, with its own classes. */
export function openOtherData(config: RunConfig, other: string, options: RunDataOptions): Promise<Dataset> {
  return reopenData(config, other, options);
}

/** The decisions that a run was trained with must still be there; what was appended since changes nothing. */
async function refuseChangedLog({ data: { relabelling } }: RunConfig): Promise<void> {
  if (!relabelling) return;
  const { log, lines, fingerprint } = relabelling;
  const now = logFingerprint(await readRelabelLog(log, lines));
  if (now !== fingerprint) throw changedLog(log, fingerprint, now, 'restore the log, or begin a new run');
}

/** What goes on must go on with all of its log: throws where that says something else now. */
export async function refuseGrownLog({ data: { relabelling } }: RunConfig): Promise<void> {
  if (!relabelling) return;
  const { log, fingerprint } = relabelling;
  const now = logFingerprint(await readRelabelLog(log));
  if (now !== fingerprint)
    throw changedLog(
      log,
      fingerprint,
      now,
      'another label makes other data: undo what was added, or begin a new run',
    );
}

function changedLog(log: string, was: string, is: string, advice: string): SomaError {
  return mismatch(
    log,
    `the decisions that the run was trained with, fingerprint ${was.slice(0, 12)}`,
    is.slice(0, 12),
    advice,
  );
}

function reopenData(
  { data, seed: runSeed }: RunConfig,
  other: string | undefined,
  { labels, everything }: RunDataOptions,
): Promise<Dataset> {
  const { source, height, channels, splitting, relabelling } = data;
  const { seed = runSeed, ratios, keepTogether, fold, drawn = [] } = splitting ?? {};
  const own = other === undefined;
  const log = labels ?? (own ? relabelling?.log : undefined);
  const part = own ? fold : everything ? EVERYTHING : undefined;
  return openData({
    source: other ?? source,
    size: height,
    channels: channels === 1 ? 1 : 3,
    seed,
    // Those of a fold are of the fold, not of the splits that it was made from.
    ratios: fold || part ? undefined : ratios,
    ...(own && drawn.includes('train') ? { resplit: true } : {}),
    keepTogether: !everything && keepTogether === 'near-duplicates' ? keepTogether : undefined,
    ...(log === undefined ? {} : { labels: log }),
    ...(labels === undefined && own && relabelling ? { labelLines: relabelling.lines } : {}),
    ...(part ? { fold: part } : {}),
  });
}

/** The file that a run's first weights are read from, if there is one. It must not have changed since. */
export async function initialWeights({ weights }: RunConfig): Promise<WeightsFile | undefined> {
  if (!weights) return undefined;
  const file = await openWeights(weights.source);
  if (file.fingerprint !== weights.fingerprint)
    throw mismatch(
      weights.source,
      `the weights that the run was begun with, fingerprint ${weights.fingerprint.slice(0, 12)}`,
      file.fingerprint.slice(0, 12),
      'restore the file, or begin a new run',
    );
  return file;
}

export type Weights = 'best' | 'last';

/** An evaluation program with the weights of a run. */
export async function loadNetwork(
  run: RunFolder,
  config: RunConfig,
  session: Session,
  weights: Weights,
  batchSize: number,
): Promise<Program> {
  const { plan } = evaluationStep(specOf(config), config.settings, batchSize);
  return loadPlan(run, config, session, weights, plan);
}

/** A program with the weights of a run that takes images and gives probabilities. */
export async function loadPredictor(
  run: RunFolder,
  config: RunConfig,
  session: Session,
  weights: Weights,
  batchSize: number,
): Promise<Program> {
  const { plan } = predictionStep(specOf(config), batchSize);
  return loadPlan(run, config, session, weights, plan);
}

/** The network of a run's pre-training with the weights that it handed on, as `reconstructionStep` has it. */
export async function loadPretrained(
  run: RunFolder,
  config: RunConfig,
  session: Session,
  batchSize: number,
): Promise<Program> {
  const { plan } = reconstructionStep(specOf(config), batchSize);
  const { pretraining } = config.settings;
  if (!pretraining) throw mismatch(run.path, 'a run with a pre-training', 'one without');
  return loadCheckpointed(run, config, session, PRETRAINING[pretraining.evaluate], plan);
}

/** Any program on the network of a run, with its weights. */
export async function loadPlan(
  run: RunFolder,
  config: RunConfig,
  session: Session,
  weights: Weights,
  plan: Plan,
): Promise<Program> {
  const file = TRAINING[weights];
  if (!existsSync(run.file(file)) && existsSync(run.file(TRAINING.last)))
    throw new SomaError(
      `${run.path}: expected ${file}, got a run of which no epoch was validated; soma evaluate, spikes and energy read its last weights with --weights last`,
    );
  return loadCheckpointed(run, config, session, file, plan);
}

async function loadCheckpointed(
  run: RunFolder,
  config: RunConfig,
  session: Session,
  file: string,
  plan: Plan,
): Promise<Program> {
  const program = session.load(plan);
  const target = { session, variables: plan.variables, system: config.system };
  await loadCheckpoint(run.file(file), target);
  beginPass(session, plan.variables);
  return program;
}
