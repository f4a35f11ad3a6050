/** The end of a run: test is read once, with the weights that validation chose, and the report is written. */
import sharp from 'sharp';
import { type Dataset, readImage, type Split } from '../data/dataset.ts';
import { rawShape } from '../data/image.ts';
import type { Session } from '../engine/engine.ts';
import { makeFolder, writeAside } from '../files.ts';
import { type Metrics, measure } from '../measure/metrics.ts';
import { type Predictions, predictedClasses } from '../measure/predictions.ts';
import { writePredictions } from '../measure/predictions-csv.ts';
import { collectReport } from '../report/collect.ts';
import { type ConfidentError, errorPlate } from '../report/error-plate.ts';
import { writeFigures } from '../report/figure.ts';
import { percentInterval } from '../report/format.ts';
import { drawPlate } from '../report/plate.ts';
import { renderRunReport, runFigures } from '../report/run-report.ts';
import type { ReconstructionPicture, RunReport, SampleImage } from '../report/types.ts';
import type { RunConfig } from '../train/config.ts';
import type { Evaluation } from '../train/evaluate.ts';
import { openEvaluator } from '../train/evaluator.ts';
import type { Weights } from '../train/open-run.ts';
import type { RunFolder } from '../train/run-folder.ts';
import { columns } from './io.ts';
import { drawReconstructions, numbersOf } from './reconstructions.ts';

/** Pictures of errors in a report. */
const SAMPLES = 16;

export interface Evaluated extends Evaluation {
  readonly metrics: Metrics;
}

/** Evaluates the weights of a run on a split. */
export async function evaluateRun(
  run: RunFolder,
  config: RunConfig,
  session: Session,
  dataset: Dataset,
  split: Split,
  weights: Weights,
): Promise<Evaluated> {
  const evaluator = await openEvaluator({ run, config, session, dataset, split, weights });
  const evaluation = await evaluator();
  return { ...evaluation, metrics: measure(evaluation.predictions) };
}

/**
 * Writes predictions, `evaluation.json`, figures and the report of a run's own test split. The last that a session is
 * used for: `drawReconstructions` says why.
 */
export async function writeResults(
  run: RunFolder,
  evaluated: Evaluated,
  session: Session,
  dataset: Dataset,
): Promise<string> {
  const { metrics, predictions, rates, loss } = evaluated;
  const reconstructions = await drawReconstructions(run, await run.config(), session, dataset);
  const more = { loss, rates, ...(reconstructions ? { reconstructions: numbersOf(reconstructions) } : {}) };
  return writeTested(run, { metrics, predictions }, more, dataset, reconstructions);
}

/**
 * The files that tested runs and ensembles have alike; returns the path of the report.
 * @param more what else `evaluation.json` says
 */
export async function writeTested(
  folder: RunFolder,
  test: NonNullable<RunReport['test']>,
  more: object,
  dataset: Dataset | null,
  reconstructions?: ReconstructionPicture,
): Promise<string> {
  const { metrics, predictions } = test;
  await writePredictions(folder.file('predictions-test.csv'), predictions);
  await writeAside(
    folder.file('evaluation.json'),
    `${JSON.stringify({ split: 'test', ...more, metrics }, null, 2)}\n`,
  );
  return writeReport(folder, await collectReport(folder, test), dataset, reconstructions);
}

/** Figures and `report.html` of what is known; without pictures of errors where there is no data. */
export async function writeReport(
  folder: RunFolder,
  report: RunReport,
  dataset: Dataset | null,
  reconstructions?: ReconstructionPicture,
): Promise<string> {
  await makeFolder(folder.file('figures'));
  const errors = dataset && report.test ? await confidentErrors(report.test.predictions, dataset) : [];
  const plate = errors.length > 0 ? await drawPlate(errorPlate(folder.name, errors)) : undefined;
  const figures = await runFigures(report);
  await writeFigures(folder.file('figures'), [...figures, ...(plate ? [plate] : [])]);
  const samples = await Promise.all(errors.map(asSample));
  await writeAside(
    folder.file('report.html'),
    await renderRunReport(report, { figures, samples, reconstructions }),
  );
  return folder.file('report.html');
}

/** The errors of which the network was surest. */
async function confidentErrors(predictions: Predictions, dataset: Dataset): Promise<ConfidentError[]> {
  const { labels, scores, classes, names } = predictions;
  const predicted = predictedClasses(predictions);
  const confidence = (i: number) => scores[i * classes.length + predicted[i]];
  const errors = [...labels.keys()].filter((i) => predicted[i] !== labels[i]);
  errors.sort((a, b) => confidence(b) - confidence(a));
  const samples: ConfidentError[] = [];
  const source = dataset.splits.test;
  const places = new Map(Array.from({ length: source.length }, (_, i) => [source.name(i), i]));
  for (const i of errors.slice(0, SAMPLES)) {
    const place = places.get(names[i]);
    if (place === undefined) continue;
    const { data: pixels, height, width, channels } = await readImage(source, dataset, place);
    samples.push({
      picture: { pixels, height, width, channels },
      name: names[i],
      label: classes[labels[i]],
      predicted: classes[predicted[i]],
      confidence: confidence(i),
    });
  }
  return samples;
}

async function asSample({ picture: { pixels, ...shape }, ...error }: ConfidentError): Promise<SampleImage> {
  const png = await sharp(pixels, { raw: rawShape(shape) })
    .png()
    .toBuffer();
  return { ...error, png: `data:image/png;base64,${png.toString('base64')}` };
}

/** Metrics as a table for the terminal. */
export function metricsText(metrics: Metrics): string {
  const head = [
    `accuracy  ${percentInterval(metrics.accuracy)}`,
    `macro F1  ${percentInterval(metrics.macro.f1)}`,
    `macro AUC ${percentInterval(metrics.macroAuc)}`,
    `ECE       ${percentInterval(metrics.ece)}`,
  ];
  const rows = metrics.perClass.map((c) => [
    c.name,
    `${c.support}`,
    percentInterval(c.precision),
    percentInterval(c.recall),
    percentInterval(c.f1),
    percentInterval(c.auc),
  ]);
  const table = columns([['class', 'images', 'precision', 'recall', 'F1', 'AUC'], ...rows]);
  const absent = metrics.perClass.filter(({ support }) => support === 0).length;
  const notes = [
    `${metrics.images} images; 95 % bootstrap intervals`,
    ...(absent > 0
      ? [`${absent} classes have no images: macro is the mean of those that have some or were predicted`]
      : []),
  ];
  return [...head, '', table, '', ...notes].join('\n');
}
