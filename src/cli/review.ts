/** `soma review`: the labels worth a second look, by networks that did not learn from the images that they judge. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import sharp from 'sharp';
import { type Dataset, readImage, SPLITS, type Split } from '../data/dataset.ts';
import { rawShape } from '../data/image.ts';
import type { Place } from '../data/pool.ts';
import { placesOf, relabellingText } from '../data/relabel.ts';
import { openEngine } from '../engine/select.ts';
import { EXIT, SomaError } from '../errors.ts';
import { makeFolder, writeAside } from '../files.ts';
import { joinPredictions } from '../measure/join-predictions.ts';
import type { Predictions } from '../measure/predictions.ts';
import { writePredictions } from '../measure/predictions-csv.ts';
import { agreementWarning, REVIEW_KINDS, type Review, type ReviewedImage } from '../measure/review.ts';
import { formatReview } from '../measure/review-csv.ts';
import { openSystem } from '../models/own-system.ts';
import { decimal } from '../report/format.ts';
import { renderReview, reviewNumbers } from '../report/review-page.ts';
import { type CrossValidation, dataOf, foldPredictions, foldRuns } from '../study/cross-validation.ts';
import { keepData } from '../study/data.ts';
import { openData, resolveSource } from '../train/data.ts';
import { openEvaluator } from '../train/evaluator.ts';
import { openRunData } from '../train/open-run.ts';
import { reviewDataset } from '../train/review.ts';
import { RunFolder } from '../train/run-folder.ts';
import { columns, print, say, shortPath } from './io.ts';
import { keepForReport } from './keep.ts';
import {
  channelCount,
  collect,
  type EngineOptions,
  positiveInt,
  seedNumber,
  setRecord,
  splitList,
  withEngine,
} from './options.ts';
import { refuseRun, reportFolder } from './report-folder.ts';
import { performWatched } from './study.ts';

interface ReviewFlags extends EngineOptions {
  readonly data?: string;
  readonly labels?: string;
  readonly folds: number;
  readonly pool?: readonly Split[];
  readonly size?: number;
  readonly channels?: 1 | 3;
  readonly epochs?: number;
  readonly seed: number;
  readonly keepTogether?: 'near-duplicates';
  readonly set?: readonly string[];
  readonly most: number;
  readonly out?: string;
  readonly json?: boolean;
}

export function addReview(program: Command): void {
  withEngine(program.command('review'))
    .argument('<what...>', 'a system, which is cross-validated on --data; or finished runs')
    .description('Labels worth a second look: likely errors, copies, conflicting labels, outliers')
    .option('--data <path>', 'the data whose labels are looked at, with a system')
    .option('--labels <log>', 'read labels through a log of soma data relabel')
    .option('--folds <k>', 'trainings; each tests one of k parts', positiveInt, 5)
    .option('--pool <splits>', 'splits whose images are judged, with a system (default: all)', splitList)
    .option('--size <pixels>', 'side of the images (default: the paper)', positiveInt)
    .option('--channels <n>', 'read images as grey (1) or RGB (3) (default: as they are)', channelCount)
    .option('--epochs <n>', 'at most so many in each training', positiveInt)
    .option('--seed <n>', 'seed of the parts and of the networks', seedNumber, 0)
    .addOption(new Option('--keep-together <what>', 'what is tested together').choices(['near-duplicates']))
    .option('--set <key=value>', 'an option of the system or a setting, as for soma train', collect)
    .option('--most <n>', 'images of each kind that the gallery shows, worst first', positiveInt, 400)
    .option('--out <folder>', 'where results go (default: reviews/…, or review/ in the run)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  soma review se-cnn --data cells/ --folds 5 --keep-together near-duplicates
  soma review runs/se-cnn-0 runs/se-cnn-1
  soma data relabel cells/ --decisions decisions.csv

A system is trained --folds times, each time without the images that it then judges; Ctrl-C leaves a checkpoint and the
same command goes on. Runs judge what they have held out, their validation and test images, and no others.`,
    )
    .action(async (what: string[], flags: ReviewFlags, command: Command) => {
      process.exitCode = await run(what, flags, command);
    });
}

/** Where the judgements come from, for those who read the result. */
interface Method {
  readonly kind: 'cross-validation' | 'held-out';
  readonly text: string;
}

interface Judged {
  readonly dataset: Dataset;
  /** Path of the data, for the command that applies decisions. */
  readonly source: string;
  readonly predictions: Predictions;
  readonly method: Method;
  readonly out: string;
  /** The run that judged alone. */
  readonly run?: RunFolder;
}

async function run(what: string[], flags: ReviewFlags, command: Command): Promise<number> {
  refuseRun(flags.out, 'review');
  const runs = what.filter((path) => existsSync(join(path, 'config.json')));
  if (runs.length === 0 && what.length > 1) throw usage('one system, or run folders', what.join(', '));
  if (runs.length > 0 && runs.length < what.length)
    throw usage('run folders only', what.filter((path) => !runs.includes(path)).join(', '));
  const judged =
    runs.length > 0 ? await judgeByRuns(runs, flags, command) : await crossValidate(what[0], flags);
  if (!judged) return EXIT.interrupted;
  try {
    await report(judged, flags);
    return EXIT.ok;
  } finally {
    await judged.dataset.close();
  }
}

function usage(expected: string, got: string): SomaError {
  return new SomaError(`review: expected ${expected}, got ${got}; see soma review --help`, EXIT.usage);
}

/** Undefined where it was interrupted. */
async function crossValidate(name: string, flags: ReviewFlags): Promise<Judged | undefined> {
  if (!flags.data) throw usage('--data beside a system', 'none');
  if (flags.folds < 2) throw usage('--folds of 2 or more', `${flags.folds}`);
  const system = await openSystem(name);
  const { folds, seed, size, channels, keepTogether, pool = SPLITS } = flags;
  const set = { ...setRecord(flags.set ?? []), ...(flags.epochs ? { epochs: flags.epochs } : {}) };
  const labels = flags.labels === undefined ? undefined : resolve(flags.labels);
  const options: CrossValidation = {
    ...{ system: name, folds, pool, seed, size, channels, keepTogether, labels, set },
  };
  const source = resolveSource(flags.data);
  const out = flags.out ?? join('reviews', `${system.name}-${basename(source)}-${seed}`);
  const runs = foldRuns(options);
  const data = dataOf(runs, source);
  await keepData(resolve(out), data);
  const { interrupted, failed, elsewhere, finished } = await performWatched(runs, data, resolve(out), flags);
  if (interrupted) {
    say(`interrupted, ${finished} of ${folds} folds are done; the same command goes on`);
    return undefined;
  }
  if (finished < folds) {
    const missing = [...failed, ...elsewhere].map(({ id }) => id).join(', ');
    throw new SomaError(
      `review: expected ${folds} finished folds, got ${finished} (without ${missing}); see ${join(out, 'logs')}, then run the same command again`,
    );
  }
  const { predictions, config } = await foldPredictions(runs, resolve(out));
  const { height, channels: read } = config.data;
  const dataset = await openData({
    ...{ source, size: height, channels: read === 1 ? 1 : 3, seed, keepTogether },
    ...(labels ? { labels } : {}),
  });
  const text =
    `${system.title}, cross-validated: each of ${folds} parts of the ${pool.join(', ')} images was judged by a network ` +
    `that was trained on the others (seed ${seed}${keepTogether ? ', copies on one side' : ''}).`;
  const method = { kind: 'cross-validation', text } as const;
  return { dataset, source: flags.data, predictions, method, out };
}

const OF_A_SYSTEM = ['data', 'folds', 'pool', 'size', 'channels', 'epochs', 'seed', 'keepTogether', 'set'];

async function judgeByRuns(paths: readonly string[], flags: ReviewFlags, command: Command): Promise<Judged> {
  const given = OF_A_SYSTEM.filter((name) => command.getOptionValueSource(name) === 'cli');
  if (given.length > 0) throw usage('no options of a training beside runs', given.join(', '));
  const folders = paths.map((path) => new RunFolder(path));
  const parts: Predictions[] = [];
  let first: Dataset | undefined;
  try {
    for (const folder of folders) {
      const dataset = await judgeHeldOut(folder, flags, parts);
      if (first) await dataset.close();
      else first = dataset;
    }
    if (!first) throw usage('a run or more', 'none');
    const held = new Set(parts.flatMap(({ names }) => names)).size;
    const text =
      `${folders.map((folder) => folder.name).join(', ')}: only the ${held} validation and test images were judged, which the ` +
      'networks did not learn from; validation chose the epoch. Training images were not judged: cross-validate a system for them.';
    const out = reportFolder('review', flags.out, folders);
    const { data } = await folders[0].config();
    const source = data.source === 'smear' ? data.source : shortPath(data.source);
    const method = { kind: 'held-out', text } as const;
    const run = folders.length === 1 ? folders[0] : undefined;
    return { dataset: first, source, predictions: joinPredictions(parts), method, out, run };
  } catch (error) {
    await first?.close();
    throw error;
  }
}

/** Adds what a run says about its validation and test images. The data stays open. */
async function judgeHeldOut(run: RunFolder, flags: ReviewFlags, parts: Predictions[]): Promise<Dataset> {
  const config = await run.config();
  const dataset = await openRunData(config, undefined, { labels: flags.labels });
  const session = openEngine(flags).createSession();
  try {
    for (const split of ['val', 'test'] as const) {
      if (dataset.splits[split].length === 0) continue;
      say(`${run.name}: ${dataset.splits[split].length} ${split} images`);
      const weights = config.settings.evaluate;
      const evaluator = await openEvaluator({ run, config, session, dataset, split, weights });
      parts.push((await evaluator()).predictions);
    }
    return dataset;
  } catch (error) {
    await dataset.close();
    throw error;
  } finally {
    session.close();
  }
}

async function report(judged: Judged, flags: ReviewFlags): Promise<void> {
  const { dataset, predictions, method, out, run } = judged;
  say('looking for copies and outliers');
  const review = await reviewDataset(dataset, predictions);
  const summary = summaryOf(review, dataset, method);
  const [table, gallery] = [join(out, 'review.csv'), join(out, 'review.html')];
  await makeFolder(out);
  await writePredictions(join(out, 'predictions.csv'), predictions);
  await writeAside(table, formatReview(review));
  await writeAside(join(out, 'review.json'), `${JSON.stringify(summary, null, 2)}\n`);
  const command = relabelCommand(judged, flags);
  await writeAside(gallery, await render(review, dataset, method, { ...flags, command }));
  if (run && flags.labels === undefined) {
    const found = { data: dataset.name, method: method.text, numbers: reviewNumbers(review) };
    await keepForReport(run, 'review', found);
  }
  const warning = agreementWarning(review);
  if (warning) say(`warning: ${warning}`);
  const text = [textOf(review), '', method.text, '', `table   ${table}`, `gallery ${gallery}`].join('\n');
  print({ ...summary, table, gallery }, text, flags.json);
  say(`next: decide in the gallery, export decisions.csv, then ${command}`);
}

function relabelCommand({ source }: Judged, { labels }: ReviewFlags): string {
  return `soma data relabel ${source} --decisions decisions.csv${labels ? ` --log ${labels}` : ''}`;
}

async function render(
  review: Review,
  dataset: Dataset,
  { text: method }: Method,
  { most, command }: Pick<ReviewFlags, 'most'> & { readonly command: string },
): Promise<string> {
  const { name, fingerprint, relabelling } = dataset;
  // Of each kind so many, or a hundred likely errors would hide the one conflict.
  const worth = REVIEW_KINDS.flatMap((kind) =>
    review.images.filter(({ kinds }) => kinds[0] === kind).slice(0, most),
  );
  const places = placesOf(dataset);
  const pictures = new Map<string, string>();
  for (const { image } of worth) {
    const place = places.get(image);
    if (place) pictures.set(image, await picture(dataset, place));
  }
  const warning = agreementWarning(review);
  const notes = [...(warning ? [warning] : []), ...(relabelling ? [relabellingText(relabelling)] : [])];
  return renderReview({ review, data: name, fingerprint, method, pictures, command, notes });
}

async function picture(dataset: Dataset, { split, index }: Place): Promise<string> {
  const { data, ...shape } = await readImage(dataset.splits[split], dataset, index);
  const bytes = await sharp(data, { raw: rawShape(shape) })
    .webp({ quality: 90 })
    .toBuffer();
  return `data:image/webp;base64,${bytes.toString('base64')}`;
}

function summaryOf(review: Review, { name, fingerprint, relabelling }: Dataset, method: Method) {
  const { classes, images, groups, joint, scored, agreement, estimatedErrors, fence } = review;
  const count = (kind: ReviewedImage['kinds'][number]) =>
    images.filter(({ kinds }) => kinds.includes(kind)).length;
  return {
    data: { name, fingerprint, ...(relabelling ? { relabelling } : {}) },
    method,
    classes,
    images: images.length,
    scored,
    agreement,
    estimatedErrors,
    counts: Object.fromEntries(REVIEW_KINDS.map((kind) => [kind, count(kind)])),
    joint,
    outlierFence: fence,
    groups,
    worthALook: images
      .filter(({ kinds }) => kinds.length > 0)
      .map(({ scores, label, suggested, ...image }) => ({
        ...image,
        label: classes[label],
        suggested: suggested === null ? null : classes[suggested],
        scores: scores && { ...scores, predicted: classes[scores.predicted] },
      })),
  };
}

/** Lines that the text shows; the table has all. */
const MOST = 15;

function textOf({ classes, images, scored, estimatedErrors }: Review): string {
  const kindRows = REVIEW_KINDS.map((kind) => [
    kind,
    `${images.filter(({ kinds }) => kinds.includes(kind)).length}`,
  ]);
  const worst = images.filter(({ kinds }) => kinds.length > 0).slice(0, MOST);
  const rows = worst.map(({ image, label, suggested, scores, kinds }) => [
    image,
    classes[label],
    suggested === null ? '' : classes[suggested],
    scores ? decimal(scores.selfConfidence, 3) : '',
    kinds.join(' '),
  ]);
  return [
    `${scored} of ${images.length} images judged; about ${estimatedErrors} labels wrong by the confident joint`,
    columns([['kind', 'images'], ...kindRows]),
    ...(rows.length > 0 ? ['', columns([['image', 'label', 'rather', 'p(label)', 'kinds'], ...rows])] : []),
  ].join('\n');
}
