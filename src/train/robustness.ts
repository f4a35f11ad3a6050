/**
 * Evaluates a run on corrupted images. Each point is written down as it comes (`robustness.jsonl`), with all that it
 * depends on, so that a command that was stopped goes on, and other corruptions are added to those that are there.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { corrupted } from '../data/corruptions/corrupted.ts';
import type { Severity } from '../data/corruptions/corruption.ts';
import type { CorruptionName } from '../data/corruptions/table.ts';
import type { ImageSource } from '../data/dataset.ts';
import { heldInMemory } from '../data/held.ts';
import { appendJsonLine, readJsonLines } from '../files.ts';
import { classificationFigures } from '../measure/classification.ts';
import { confusionMatrix } from '../measure/confusion.ts';
import { predictedClasses } from '../measure/predictions.ts';
import type { RobustnessPoint } from '../measure/robustness.ts';
import type { Evaluation } from './evaluate.ts';
import { type Evaluator, type EvaluatorOptions, openEvaluator } from './evaluator.ts';

export interface RobustnessOptions extends EvaluatorOptions {
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

export interface RobustnessPoints {
  /** Those that were asked for, clean images first; fewer where it was interrupted. */
  readonly asked: RobustnessPoint[];
  /** All that are known of these weights, images and seed, earlier ones among them. */
  readonly known: RobustnessPoint[];
}

export async function measureRobustness(options: RobustnessOptions): Promise<RobustnessPoints> {
  const { run, dataset, split, corruptions, severities, seed, signal, onPoint } = options;
  const key = await fingerprint(options);
  const lines = await readJsonLines<Line>(run.file(FILE));
  const known = lines.filter((line) => line.key === key);
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
  let evaluator: Evaluator | undefined;
  const asked: RobustnessPoint[] = [];
  for (const { corruption, severity, images } of wanted) {
    if (signal.aborted) break;
    let point = known.find((line) => line.corruption === corruption && line.severity === severity);
    if (!point) {
      evaluator ??= await openEvaluator(options);
      point = { key, corruption, severity, ...figuresOf(await evaluator(images)) };
      await appendJsonLine(run.file(FILE), point);
      known.push(point);
    }
    asked.push(pointOf(point));
    onPoint?.(pointOf(point), asked.length, wanted.length);
  }
  return { asked, known: known.map(pointOf) };
}

const pointOf = ({ key: _key, ...point }: Line): RobustnessPoint => point;

function figuresOf({ predictions }: Evaluation): Omit<RobustnessPoint, 'corruption' | 'severity'> {
  const { labels, classes } = predictions;
  const confusion = confusionMatrix(labels, predictedClasses(predictions), classes.length);
  const { accuracy, perClass } = classificationFigures(confusion);
  const present = perClass.filter(({ support }) => support > 0);
  return {
    images: labels.length,
    right: Math.round(accuracy * labels.length),
    balancedAccuracy: present.reduce((sum, { recall }) => sum + recall, 0) / present.length,
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
