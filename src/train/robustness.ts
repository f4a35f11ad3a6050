/**
 * Evaluates a run on corrupted images. Each point is written down as it comes (`robustness.jsonl`), with all that it
 * depends on, so that a command that was stopped goes on, and other corruptions are added to those that are there.
 */
import { createHash } from 'node:crypto';
import { appendFile, readFile } from 'node:fs/promises';
import { corrupted } from '../data/corruptions/corrupted.ts';
import type { Severity } from '../data/corruptions/corruption.ts';
import type { CorruptionName } from '../data/corruptions/table.ts';
import type { Dataset, ImageSource, Split } from '../data/dataset.ts';
import { heldInMemory } from '../data/held.ts';
import type { Session } from '../engine/engine.ts';
import { unwritable } from '../files.ts';
import { classificationFigures } from '../measure/classification.ts';
import { confusionMatrix } from '../measure/confusion.ts';
import { predictedClasses } from '../measure/predictions.ts';
import type { RobustnessPoint } from '../measure/robustness.ts';
import type { RunConfig } from './config.ts';
import { evaluate, evaluationBatch } from './evaluate.ts';
import { loadNetwork, specOf, type Weights } from './open-run.ts';
import type { RunFolder } from './run-folder.ts';
import { evaluationStep } from './step.ts';

export interface RobustnessOptions {
  readonly run: RunFolder;
  readonly config: RunConfig;
  readonly session: Session;
  readonly dataset: Dataset;
  readonly split: Split;
  readonly weights: Weights;
  readonly corruptions: readonly CorruptionName[];
  readonly severities: readonly Severity[];
  /** Of what the corruptions draw. */
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onPoint?: (point: RobustnessPoint, done: number, total: number) => void;
}

interface Line extends RobustnessPoint {
  /** Fingerprint of weights, images and seed. */
  readonly key: string;
}

const FILE = 'robustness.jsonl';

/** All points that were asked for, clean images first; fewer where it was interrupted. */
export async function measureRobustness(options: RobustnessOptions): Promise<RobustnessPoint[]> {
  const { run, dataset, split, corruptions, severities, seed, signal, onPoint } = options;
  const key = await fingerprint(options);
  const known = await readLines(run, key);
  const source = heldInMemory(dataset.splits[split], dataset);
  const wanted: { corruption: string; severity: number; images: ImageSource }[] = [
    { corruption: 'none', severity: 0, images: source },
    ...corruptions.flatMap((corruption) =>
      severities.map((severity) => ({
        corruption,
        severity,
        images: corrupted(source, dataset, corruption, severity, seed),
      })),
    ),
  ];
  const pass = await evaluator(options);
  const points: RobustnessPoint[] = [];
  for (const { corruption, severity, images } of wanted) {
    if (signal.aborted) break;
    let point = known.find((line) => line.corruption === corruption && line.severity === severity);
    if (!point) {
      point = { key, corruption, severity, ...(await pass(images)) };
      await appendFile(run.file(FILE), `\n${JSON.stringify(point)}\n`).catch((error) => {
        throw unwritable(run.file(FILE), error);
      });
    }
    const { key: _key, ...rest } = point;
    points.push(rest);
    onPoint?.(rest, points.length, wanted.length);
  }
  return points;
}

type Pass = (images: ImageSource) => Promise<Omit<RobustnessPoint, 'corruption' | 'severity'>>;

/** Evaluates one source after the other with programs that are loaded once. */
async function evaluator(options: RobustnessOptions): Promise<Pass> {
  const { run, config, session, dataset, split, weights } = options;
  const batch = evaluationBatch(dataset.splits[split].length);
  const program = await loadNetwork(run, config, session, weights, batch);
  const remainder = (images: number) =>
    session.load(evaluationStep(specOf(config), config.settings, images).plan);
  return async (images) => {
    const splits = { ...dataset.splits, [split]: images };
    const seen = { session, program, remainder, dataset: { ...dataset, splits }, split, seed: config.seed };
    const { predictions } = await evaluate(seen);
    const predicted = predictedClasses(predictions);
    const confusion = confusionMatrix(predictions.labels, predicted, predictions.classes.length);
    const { accuracy, perClass } = classificationFigures(confusion);
    const present = perClass.filter(({ support }) => support > 0);
    return {
      images: images.length,
      right: Math.round(accuracy * images.length),
      balancedAccuracy: present.reduce((sum, { recall }) => sum + recall, 0) / present.length,
    };
  };
}

async function fingerprint({ run, weights, dataset, split, seed }: RobustnessOptions): Promise<string> {
  const file = await readFile(run.file(`${weights}.safetensors`));
  const { fingerprint: data, height, width } = dataset;
  return createHash('sha256')
    .update(file)
    .update(JSON.stringify({ data, height, width, split, seed }))
    .digest('hex')
    .slice(0, 16);
}

/** Points of this key; a line that was cut off by a kill is left out. */
async function readLines(run: RunFolder, key: string): Promise<Line[]> {
  const text = await readFile(run.file(FILE), 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    try {
      const value = JSON.parse(line) as Line;
      return value.key === key ? [value] : [];
    } catch {
      return [];
    }
  });
}
