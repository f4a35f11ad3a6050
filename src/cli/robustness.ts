/** `soma robustness`: what corruptions of the images cost one run or several. */
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import sharp from 'sharp';
import { corrupted } from '../data/corruptions/corrupted.ts';
import { SEVERITIES, type Severity } from '../data/corruptions/corruption.ts';
import {
  CORRUPTION_NAMES,
  CORRUPTIONS,
  type CorruptionName,
  findCorruption,
} from '../data/corruptions/table.ts';
import { type Dataset, readImage, SPLITS, type Split } from '../data/dataset.ts';
import { rawShape } from '../data/image.ts';
import { openEngine } from '../engine/select.ts';
import { EXIT, SomaError } from '../errors.ts';
import { makeFolder, writeAside } from '../files.ts';
import { type Robustness, type RobustnessPoint, robustness } from '../measure/robustness.ts';
import { writeFigures } from '../report/figure.ts';
import { decimal } from '../report/format.ts';
import { pictureGrid } from '../report/picture-grid.ts';
import { robustnessTables } from '../report/result-tables.ts';
import { renderRobustness, robustnessFigures } from '../report/robustness-report.ts';
import type { Format } from '../report/tables.ts';
import { openRunData } from '../train/open-run.ts';
import { measureRobustness } from '../train/robustness.ts';
import type { RunFolder } from '../train/run-folder.ts';
import { interruptible } from './interrupt.ts';
import { columns, print, say, sayTables } from './io.ts';
import { keepForReport } from './keep.ts';
import { type EngineOptions, seedNumber, withEngine, withFormat, words } from './options.ts';
import { refuseRun, reportFolder } from './report-folder.ts';
import { expectSameImages } from './same-images.ts';
import { measureSideBySide } from './side-by-side.ts';

interface RobustnessFlags extends EngineOptions {
  readonly data?: string;
  readonly split: Split;
  readonly corruptions?: readonly CorruptionName[];
  readonly severities?: readonly Severity[];
  readonly seed: number;
  readonly out?: string;
  readonly format: readonly Format[];
  readonly json?: boolean;
}

export function addRobustness(program: Command): void {
  withFormat(withEngine(program.command('robustness')))
    .argument('<runs...>', 'run folders; several are set side by side')
    .description('Accuracy on corrupted images: noise, blur, light, compression, stain; a table and a report')
    .option('--data <path>', 'other data with the same classes')
    .addOption(new Option('--split <name>', 'which images').choices(SPLITS).default('test'))
    .option('--corruptions <list>', `of ${CORRUPTION_NAMES.join(', ')} (default: all)`, corruptionList)
    .option('--severities <list>', 'of 1 to 5 (default: all)', severityList)
    .option('--seed <n>', 'seed of what the corruptions draw', seedNumber, 0)
    .option('--out <folder>', 'where the report goes (default: robustness/ in the run; for several, here)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  soma robustness runs/demo/scnn\n  soma robustness runs/demo/scnn runs/demo/ae-cnn --corruptions gaussian-noise,jpeg\n\nWhat was measured stays in the run folder; the same command goes on where it was stopped.',
    )
    .action(run);
}

function corruptionList(text: string): CorruptionName[] {
  return words(text).map((name) => findCorruption(name).name);
}

function severityList(text: string): Severity[] {
  return words(text).map((part) => {
    const severity = SEVERITIES.find((each) => `${each}` === part);
    if (!severity) throw new InvalidArgumentError('Expected numbers from 1 to 5 with commas between them.');
    return severity;
  });
}

async function run(paths: string[], flags: RobustnessFlags): Promise<void> {
  refuseRun(flags.out, 'robustness');
  return measureSideBySide(
    paths,
    (folder) => measureRun(folder, flags),
    (measured) => report(measured, flags),
  );
}

interface Measured {
  readonly folder: RunFolder;
  readonly name: string;
  /** Still open. */
  readonly dataset: Dataset;
  readonly result: Robustness;
}

async function measureRun(folder: RunFolder, flags: RobustnessFlags): Promise<Measured> {
  const config = await folder.config();
  const dataset = await openRunData(config, flags.data);
  const session = openEngine(flags).createSession();
  try {
    const points = await interruptible(
      'stopping after this corruption; once more to stop at once',
      async (signal) => {
        const corruptions = corruptionsFor(dataset, flags);
        const { split, seed, severities = SEVERITIES } = flags;
        const weights = config.settings.evaluate;
        const onPoint = sayPoint(folder.name);
        const of = { run: folder, config, session, dataset, split, seed, weights, corruptions, severities };
        const all = await measureRobustness({ ...of, signal, onPoint });
        if (!signal.aborted) return all;
        const text = `robustness: stopped after ${all.asked.length} evaluations of ${folder.name}; the same command goes on`;
        throw new SomaError(text, EXIT.interrupted);
      },
    );
    const about = { data: `${dataset.name}, ${flags.split}`, seed: flags.seed };
    const found = { ...about, images: dataset.splits[flags.split].length, points: points.known };
    await keepForReport(folder, 'robustness', found, { data: flags.data });
    return { folder, name: folder.name, dataset, result: robustness(points.asked) };
  } catch (error) {
    await dataset.close();
    throw error;
  } finally {
    session.close();
  }
}

function sayPoint(name: string) {
  return ({ corruption, severity, right, images }: RobustnessPoint, done: number, total: number) => {
    const what = severity === 0 ? 'clean' : `${corruption} ${severity}`;
    say(`${name} ${done}/${total} ${what}: ${decimal((100 * right) / images, 2)} %`);
  };
}

async function report(measured: readonly Measured[], flags: RobustnessFlags): Promise<void> {
  const [first] = measured;
  expectSameImages(measured.map(({ folder, dataset }) => ({ folder, fingerprint: dataset.fingerprint })));
  const folders = measured.map(({ folder }) => folder);
  const out = reportFolder('robustness', flags.out, folders);
  const runs = measured.map(({ name, result }) => ({ name, result }));
  const { dataset } = first;
  const images = dataset.splits[flags.split].length;
  const about = { data: `${dataset.name}, ${flags.split}`, images, seed: flags.seed };
  const strips = [];
  for (const name of corruptionsFor(dataset, flags)) strips.push(await strip(dataset, flags, name));
  await makeFolder(out);
  await writeAside(join(out, 'robustness.json'), `${JSON.stringify({ ...about, runs }, null, 2)}\n`);
  await writeFigures(out, await robustnessFigures({ runs }));
  const file = join(out, 'robustness.html');
  await writeAside(file, await renderRobustness({ runs, ...about, strips }));
  const title = `Robustness on ${about.data}`;
  // robustness.json is there already, and has all of it.
  await sayTables(join(out, 'tables'), title, robustnessTables(runs), flags.format);
  print({ ...about, runs, report: file }, `${runs.map(textOf).join('\n\n')}\n\nreport ${file}`, flags.json);
}

/** What was asked for, or all that do something to these images. */
function corruptionsFor({ channels }: Dataset, { corruptions }: RobustnessFlags): readonly CorruptionName[] {
  const useful = CORRUPTION_NAMES.filter((name) => channels > 1 || !CORRUPTIONS[name].colourOnly);
  const useless = corruptions?.find((name) => !useful.includes(name));
  if (useless)
    throw new SomaError(`${useless}: expected colour images, got grey ones; leave it out`, EXIT.usage);
  return corruptions ?? useful;
}

/** Another image of the split for each corruption. */
async function strip(dataset: Dataset, { split, seed }: RobustnessFlags, name: CorruptionName) {
  const source = dataset.splits[split];
  const index = Math.floor(
    ((CORRUPTION_NAMES.indexOf(name) + 0.5) / CORRUPTION_NAMES.length) * source.length,
  );
  const seen = [source, ...SEVERITIES.map((severity) => corrupted(source, dataset, name, severity, seed))];
  const row = await Promise.all(seen.map(async (images) => (await readImage(images, dataset, index)).data));
  const { pixels, ...shape } = pictureGrid([row], dataset, 1);
  const picture = await sharp(pixels, { raw: rawShape(shape) })
    .webp({ quality: 90 })
    .toBuffer();
  return { corruption: name, picture: `data:image/webp;base64,${picture.toString('base64')}` };
}

function textOf({ name, result }: { name: string; result: Robustness }): string {
  const percent = (share: number) => decimal(100 * share, 2);
  const [{ accuracies: measured }] = result.corruptions;
  const rows = result.corruptions.map(({ corruption, accuracies, mean, relativeError }) => [
    corruption,
    ...accuracies.map(({ value }) => percent(value)),
    percent(mean),
    percent(relativeError),
  ]);
  const severities = measured.map(({ severity }) => `severity ${severity}`);
  const table = columns([['accuracy, %', ...severities, 'mean', 'relative error'], ...rows]);
  return `${name}: clean ${percent(result.clean.value)} %, mean over corruptions ${percent(result.mean)} %\n${table}`;
}
