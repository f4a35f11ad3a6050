/** `soma spikes`: what the neurons of a run do over a split, and for single images. */
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { type Dataset, readImage, SPLITS, type Split } from '../data/dataset.ts';
import { withSpaced } from '../data/subset.ts';
import { openEngine } from '../engine/select.ts';
import { EXIT, SomaError } from '../errors.ts';
import { makeFolder, writeAside } from '../files.ts';
import { writeFigures } from '../report/figure.ts';
import { decimal, NONE, whole } from '../report/format.ts';
import { spikesTables } from '../report/measured-tables.ts';
import { allFigures, renderSpikes, spikeNumbers, spikesFigures, totals } from '../report/spikes-report.ts';
import type { Format } from '../report/tables.ts';
import { openRunData, type Weights } from '../train/open-run.ts';
import type { RunFolder } from '../train/run-folder.ts';
import { measureSpikes, type RunSpikes } from '../train/spikes.ts';
import { columns, print, sayTables } from './io.ts';
import { keepForReport } from './keep.ts';
import { type EngineOptions, positiveInt, weightsOption, withEngine, withFormat, words } from './options.ts';
import { countingBar } from './progress.ts';
import { refuseRun, reportFolder } from './report-folder.ts';
import { expectSameImages } from './same-images.ts';
import { measureSideBySide } from './side-by-side.ts';

interface SpikesFlags extends EngineOptions {
  readonly data?: string;
  readonly split: Split;
  readonly weights?: Weights;
  readonly images?: number;
  readonly image?: string;
  readonly layers?: readonly string[];
  readonly out?: string;
  readonly format: readonly Format[];
  readonly json?: boolean;
}

export function addSpikes(program: Command): void {
  withFormat(withEngine(program.command('spikes')))
    .argument('<runs...>', 'run folders of spiking networks; several are set side by side')
    .description(
      'Firing rates by layer and step, dead neurons, attention blocks, rasters; a table and a report',
    )
    .option('--data <path>', 'other data with the same classes')
    .addOption(new Option('--split <name>', 'which images').choices(SPLITS).default('test'))
    .addOption(weightsOption())
    .option('--images <n>', 'so many images, evenly spaced over the split (default: all)', positiveInt)
    .option(
      '--image <name>',
      'image whose spikes are drawn: its name in predictions-test.csv (default: the first right and the first wrong one)',
    )
    .option('--layers <list>', 'layers whose maps are drawn (default: the first)', words)
    .option('--out <folder>', 'where the report goes (default: spikes/ in the run; for several, here)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  soma spikes runs/demo/scnn\n  soma spikes runs/biasnn runs/lasnn --images 500\n  soma spikes runs/demo/scnn --image test/monocyte/00012.png --layers lif1,lif2',
    )
    .action(run);
}

interface Measured {
  readonly folder: RunFolder;
  /** Still open. */
  readonly dataset: Dataset;
  readonly spikes: RunSpikes;
}

async function run(paths: string[], flags: SpikesFlags): Promise<void> {
  refuseRun(flags.out, 'spikes');
  return measureSideBySide(
    paths,
    (folder) => measureRun(folder, flags),
    (measured) => report(measured, flags),
  );
}

async function measureRun(folder: RunFolder, flags: SpikesFlags): Promise<Measured> {
  const { split, layers, images, data } = flags;
  const config = await folder.config();
  const all = await openRunData(config, data);
  const session = openEngine(flags).createSession();
  const bar = countingBar(folder.name, 'images');
  try {
    const dataset = withSpaced(all, split, images);
    const image = flags.image === undefined ? undefined : findImage(dataset, split, flags.image);
    const weights = flags.weights ?? config.settings.evaluate;
    const of = { run: folder, config, session, dataset, split, weights, layers, image };
    return { folder, dataset, spikes: await measureSpikes({ ...of, onProgress: bar.update }) };
  } catch (error) {
    await all.close();
    throw error;
  } finally {
    bar.stop();
    session.close();
  }
}

function findImage({ splits }: Dataset, split: Split, name: string): number {
  const source = splits[split];
  for (let i = 0; i < source.length; i++) if (source.name(i) === name) return i;
  throw new SomaError(
    `--image: expected an image of ${split}, such as ${source.name(0)}, got ${name}`,
    EXIT.usage,
  );
}

async function report(measured: readonly Measured[], flags: SpikesFlags): Promise<void> {
  const [first] = measured;
  expectSameImages(measured.map(({ folder, dataset }) => ({ folder, fingerprint: dataset.fingerprint })));
  const { dataset } = first;
  const folders = measured.map(({ folder }) => folder);
  const out = reportFolder('spikes', flags.out, folders);
  const runs = await Promise.all(
    measured.map(async ({ folder, dataset: own, spikes }) => {
      const source = own.splits[flags.split];
      const pictures = spikes.shown.map(async ({ index }) => (await readImage(source, own, index)).data);
      return { name: folder.name, spikes, pictures: await Promise.all(pictures), shape: own };
    }),
  );
  const data = `${dataset.name}, ${flags.split}`;
  const of = { runs, data, classes: dataset.classes };
  const figures = await spikesFigures(of);
  await makeFolder(out);
  const result = {
    data,
    runs: runs.map(({ name, spikes }) => ({ name, ...numbersOf(spikes, dataset.classes) })),
  };
  await writeAside(join(out, 'spikes.json'), `${JSON.stringify(result, null, 2)}\n`);
  await writeFigures(out, allFigures(figures));
  const file = join(out, 'spikes.html');
  await writeAside(file, renderSpikes(of, figures));
  for (const { folder, spikes } of measured) {
    const found = { data, spikes: spikeNumbers(spikes, dataset.classes) };
    await keepForReport(folder, 'spikes', found, flags);
  }
  // spikes.json is there already, and has all of it.
  await sayTables(join(out, 'tables'), `Spikes on ${data}`, spikesTables(runs), flags.format);
  const text = runs.map(({ name, spikes }) => textOf(name, spikes)).join('\n\n');
  print({ ...result, report: file }, `${text}\n\nreport ${file}`, flags.json);
}

/** All but the spikes of maps, which are drawn. */
function numbersOf(spikes: RunSpikes, names: readonly string[]) {
  const { rasters, classes, ...rest } = spikeNumbers(spikes, names);
  return {
    ...rest,
    all: totals(rest.layers),
    shown: spikes.shown.map(({ trains, ...image }, i) => {
      if (!rasters[i]) return image;
      const { fires, decided, winner } = rasters[i].raster;
      return { ...image, winner, decided, fires };
    }),
  };
}

function textOf(name: string, { layers, suppressions, images, accuracy, output }: RunSpikes): string {
  const all = totals(layers);
  const rate = (share: number) => decimal(share, 4);
  const rows = layers.map((layer) => [
    layer.layer,
    whole(layer.neurons),
    rate(layer.perStep),
    decimal(layer.perSample, 3),
    decimal(layer.perImage.mean, layer.perImage.mean < 100 ? 2 : 0),
    whole(layer.dead),
    whole(layer.saturated),
    layer.deadMaps === undefined ? NONE : whole(layer.deadMaps),
    layer.rates.map((each) => decimal(100 * each, 1)).join(' '),
  ]);
  const head = [
    'layer',
    'neurons',
    'per step',
    'per sample',
    'per image',
    'dead',
    'saturated',
    'silent maps',
  ];
  const parts = [
    `${name}: ${images} images, accuracy ${decimal(100 * accuracy, 2)} %; ${rate(all.rate)} spikes per neuron and step, ${decimal(all.perSample, 3)} per neuron and sample, ${whole(all.perImage)} per image`,
    columns([[...head, 'rate in each step, %'], ...rows]),
    ...suppressions.map(
      ({ block, suppressed, behind, position, rates }) =>
        `${block} suppresses ${suppressed.map((share) => decimal(100 * share, 1)).join(' ')} %` +
        (behind === null
          ? ''
          : `; ${behind} (LIF layer ${position}) behind it fires ${rates.map((each) => decimal(100 * each, 1)).join(' ')} %`),
    ),
    ...(output === null ? ['no raster: the classes are not neurons of this network'] : []),
  ];
  return parts.join('\n');
}
