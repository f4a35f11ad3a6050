/**
 * What the runs of a study say together. Several seeds of an arm count as one classifier that is right on an image in
 * the share of its seeds that are; images are resampled, for arms alone and, as pairs, for differences.
 */
import { SomaError } from '../errors.ts';
import { bootstrap, type Estimate } from '../measure/bootstrap.ts';
import { comparePaired } from '../measure/paired.ts';
import { type Predictions, predictedClasses } from '../measure/predictions.ts';
import { checkSameImages } from '../measure/same-images.ts';
import { findSystem } from '../models/registry.ts';
import { collectReport } from '../report/collect.ts';
import { median } from '../report/format.ts';
import type { RunReport } from '../report/types.ts';
import type { StageRecord } from '../train/record.ts';
import type { MeasuredSteps } from '../train/step-trace.ts';
import { ensembleRuns } from './ensembles.ts';
import { runFolder } from './execute.ts';
import type { StudyRun } from './runs.ts';
import type { Arm, EnsembleArm, Study } from './study.ts';

export interface SeedResult {
  /** Null for an ensemble over seeds. */
  readonly seed: number | null;
  readonly report: RunReport;
}

/** What came out for an arm, or for an ensemble of arms. */
export interface ArmResult {
  readonly name: string;
  readonly title: string;
  /** What its authors report, if they do. */
  readonly paperAccuracy: number | undefined;
  readonly runs: readonly SeedResult[];
  /** Mean over seeds with the interval over images; null for an arm that was not trained to its end. */
  readonly accuracy: Estimate | null;
  /** Accuracy of each seed. */
  readonly accuracies: readonly number[];
  /** Mean over seeds. */
  readonly macroF1: number | null;
  readonly parameters: number;
  /** Of the trained epochs, or estimated from steps; null for an ensemble. */
  readonly epochSeconds: number | null;
  /** First seed of an arm that was measured by steps. */
  readonly measured: MeasuredSteps | null;
  /** Seconds that training to the end would take; null where that was done. */
  readonly estimatedSeconds: number | null;
  readonly against: PaperComparison | null;
}

export interface PaperComparison {
  readonly accuracy: number;
  /** Ours minus the paper's. */
  readonly difference: number;
  /** Both are shares of finite test sets: a difference within 1.96 standard errors is noise. */
  readonly isNoise: boolean;
}

export interface PairOutcome {
  readonly first: string;
  readonly second: string;
  /**
   * First minus second, mean over the seeds that both have, with the interval over images. An ensemble over seeds is
   * compared with each seed of the other.
   */
  readonly difference: Estimate;
  /** Of each seed, with McNemar's mid-p. */
  readonly seeds: readonly {
    readonly seed: number | null;
    readonly difference: number;
    readonly p: number;
  }[];
  /** The interval excludes 0 and every seed has the same sign. */
  readonly isBeyondNoise: boolean;
}

export interface Analysis {
  readonly study: Study;
  readonly arms: readonly ArmResult[];
  readonly pairs: readonly PairOutcome[];
  readonly notes: readonly string[];
}

/** Reads the finished runs and joins them. */
export async function analyse(study: Study, runs: readonly StudyRun[], folder: string): Promise<Analysis> {
  const notes: string[] = [];
  const arms: ArmResult[] = [];
  const titles = study.arms.map(plainTitle);
  /** Arms of one system that nobody gave a title are told apart by their names. */
  const titleOf = (arm: Arm) => {
    const title = plainTitle(arm);
    return titles.filter((each) => each === title).length > 1 ? `${title} (${arm.name})` : title;
  };
  for (const arm of study.arms) {
    const mine = runs.filter((run) => run.arm.name === arm.name);
    const results = await Promise.all(
      mine.map(async (run) => ({ seed: run.seed, report: await collectReport(runFolder(folder, run)) })),
    );
    const title = titleOf(arm);
    const tested = results.filter(({ report }) => report.test);
    if (tested.length > 0) notes.push(...untested(title, results));
    if (results.length > 0) arms.push(summarise(arm, title, tested.length > 0 ? tested : results));
    notes.push(...otherImages(title, results));
    notes.push(...warningsOf(title, results));
  }
  /** Leaves out what the runs do not allow, and says why. */
  const attempt = (what: string, body: () => void) => {
    try {
      body();
    } catch (error) {
      if (!(error instanceof SomaError)) throw error;
      notes.push(`${what} ${error.message}`);
    }
  };
  for (const ensemble of study.ensembles)
    attempt(`${ensemble.title} cannot be made.`, () => {
      arms.push(summarise(ensemble, ensemble.title, ensembleRuns(ensemble, arms)));
    });
  const pairs: PairOutcome[] = [];
  for (const [first, second] of study.pairs) {
    const [a, b] = [first, second].map((name) => arms.find((each) => each.name === name));
    if (!a || !b) continue;
    attempt(`${a.title} and ${b.title} cannot be compared.`, () => {
      pairs.push(comparePair(a, b));
    });
  }
  return { study, arms, pairs, notes };
}

function plainTitle(arm: Arm): string {
  if (arm.title !== undefined) return arm.title;
  const { title } = findSystem(arm.system);
  const set = Object.entries(arm.set).map(([key, value]) => `${key} ${value}`);
  return arm.evaluates === undefined ? title : `${title}, tested with ${set.join(', ')}`;
}

/** A note where some of the seeds of an arm have lost their tests, e.g. because somebody trained on without one. */
function untested(title: string, results: readonly SeedResult[]): string[] {
  const seeds = results.flatMap(({ seed, report }) => (report.test ? [] : [seed]));
  if (seeds.length === 0) return [];
  return [
    `${title}: no test results of seed${seeds.length > 1 ? 's' : ''} ${seeds.join(', ')}, which ${seeds.length > 1 ? 'are' : 'is'} left out; soma evaluate tests a run.`,
  ];
}

/** A note where the seeds of an arm were tested on different images, which have no mean. */
function otherImages(title: string, results: readonly SeedResult[]): string[] {
  const tests = results.flatMap(({ report: { test } }) => (test ? [test.predictions] : []));
  try {
    for (const other of tests.slice(1)) checkSameImages(tests[0], other, title);
    return [];
  } catch (error) {
    if (!(error instanceof SomaError)) throw error;
    return [
      `${title}: its seeds were tested on different images, so that there is no mean; give the data of the study a split.`,
    ];
  }
}

/** What the runs warn of, each once with the seeds that have it. */
function warningsOf(title: string, results: readonly SeedResult[]): string[] {
  const seedsOf = new Map<string, (number | null)[]>();
  for (const { seed, report } of results)
    for (const warning of report.warnings) seedsOf.set(warning, [...(seedsOf.get(warning) ?? []), seed]);
  return [...seedsOf].map(
    ([warning, seeds]) => `${title}, seed${seeds.length > 1 ? 's' : ''} ${seeds.join(', ')}: ${warning}`,
  );
}

function summarise(arm: Arm | EnsembleArm, title: string, runs: readonly SeedResult[]): ArmResult {
  const tests = runs.flatMap(({ report }) => (report.test ? [report.test] : []));
  const limited = 'system' in arm && (arm.oneEpoch || arm.steps !== undefined) ? arm : null;
  const trained = !limited && tests.length > 0 && otherImages(title, runs).length === 0;
  const [{ report }] = runs;
  const { measured = null } = report;
  const seconds = runs.flatMap(({ report: { history } }) => history.map((record) => record.seconds));
  const epochSeconds = measured ? measured.secondsPerEpoch : seconds.length > 0 ? median(seconds) : null;
  const accuracy = trained ? meanOver(tests.map(({ predictions }) => hits(predictions))) : null;
  return {
    name: arm.name,
    title,
    paperAccuracy: arm.paper.accuracy,
    runs,
    accuracy,
    accuracies: tests.map(({ metrics }) => metrics.accuracy.value),
    macroF1: trained ? mean(tests.map(({ metrics }) => metrics.macro.f1.value)) : null,
    parameters: report.parameters,
    epochSeconds,
    measured,
    estimatedSeconds:
      limited && epochSeconds !== null ? estimate(limited, epochSeconds, report.pretraining?.history) : null,
    against: accuracy && againstPaper(accuracy, arm.paper.accuracy, tests[0].predictions.labels.length),
  };
}

/** Seconds of a whole training, by those of an epoch and the records of its pre-training, where it has one. */
export function estimate(
  { set, system }: Pick<Arm, 'set' | 'system'>,
  epochSeconds: number,
  before: readonly Pick<StageRecord, 'seconds'>[] = [],
): number {
  const { epochs, pretraining } = findSystem(system).training;
  const first = before.length > 0 ? median(before.map(({ seconds }) => seconds)) : 0;
  const wanted = (key: string, usual: number) => Number(set[key] ?? usual);
  return (
    wanted('epochs', epochs) * epochSeconds + wanted('pretraining.epochs', pretraining?.epochs ?? 0) * first
  );
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** 1 where the prediction is right, else 0. */
function hits(predictions: Predictions): Uint8Array {
  const predicted = predictedClasses(predictions);
  return Uint8Array.from(predictions.labels, (label, i) => Number(predicted[i] === label));
}

/** Mean over seeds and images, with the interval over images. */
function meanOver(seeds: readonly ArrayLike<number>[]): Estimate {
  const images = seeds[0].length;
  const shares = Float64Array.from({ length: images }, (_, i) => mean(seeds.map((each) => each[i])));
  const [estimate] = bootstrap(images, 1, (weights, out) => {
    let sum = 0;
    for (let i = 0; i < images; i++) sum += weights[i] * shares[i];
    out[0] = sum / images;
  });
  if (!estimate) throw new Error('meanOver(): expected a mean');
  return estimate;
}

const Z = 1.96;

/** Our figure beside a published one, on as many images. */
export function againstPaper(
  { value, low, high }: Estimate,
  paper: number | undefined,
  images: number,
): PaperComparison | null {
  if (paper === undefined) return null;
  const ours = (high - low) / (2 * Z);
  const theirs = Math.sqrt((paper * (1 - paper)) / images);
  const difference = value - paper;
  return { accuracy: paper, difference, isNoise: Math.abs(difference) <= Z * Math.hypot(ours, theirs) };
}

function comparePair(a: ArmResult, b: ArmResult): PairOutcome {
  const matched = a.runs.flatMap(({ seed, report }) =>
    b.runs
      .filter((run) => run.seed === seed || run.seed === null || seed === null)
      .flatMap((run) =>
        report.test && run.report.test
          ? [
              {
                seed: seed ?? run.seed,
                first: report.test.predictions,
                second: run.report.test.predictions,
              },
            ]
          : [],
      ),
  );
  if (matched.length === 0) throw new SomaError('expected a seed that both were tested with, got none');
  for (const { first } of matched.slice(1)) checkSameImages(matched[0].first, first, a.title);
  const seeds = matched.map(({ seed, first, second }) => {
    const { difference, mcnemar } = comparePaired(first, second, { resamples: 1 });
    return { seed, difference: difference.value, p: mcnemar.midP };
  });
  const leads = matched.map(({ first, second }) => {
    const [mine, theirs] = [hits(first), hits(second)];
    return Int8Array.from(mine, (hit, i) => hit - theirs[i]);
  });
  const difference = meanOver(leads);
  const sign = Math.sign(difference.value);
  return {
    first: a.title,
    second: b.title,
    difference,
    seeds,
    isBeyondNoise:
      (difference.low > 0 || difference.high < 0) &&
      seeds.every((each) => Math.sign(each.difference) === sign),
  };
}
