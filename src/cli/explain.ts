/** `soma explain`: where a run looks, as heat maps over images. */
import { join } from 'node:path';
import type { Command } from 'commander';
import sharp from 'sharp';
import { rawShape } from '../data/image.ts';
import { EXIT, SomaError } from '../errors.ts';
import { type ExplainedImage, explainImages } from '../explain/explain.ts';
import type { ExplainOptions } from '../explain/method.ts';
import { METHODS, type MethodName } from '../explain/methods.ts';
import { makeFolder, writeAside } from '../files.ts';
import { mapsPlate, overlay, type PlateStyle, stepsPlate } from '../report/explain-plates.ts';
import { disagreementSection, renderExplanations, type UsedMethod } from '../report/explain-report.ts';
import { faithfulnessFigures, faithfulnessSection } from '../report/faithfulness-section.ts';
import { type Figure, writeFigures } from '../report/figure.ts';
import type { FaithfulRun } from '../report/figures/faithfulness-figure.ts';
import { probability } from '../report/format.ts';
import { heatColours } from '../report/heat-colours.ts';
import { explainTables } from '../report/measured-tables.ts';
import { drawPlate, type Plate, platePng } from '../report/plate.ts';
import { encodeSafetensors, type NamedTensor } from '../train/safetensors.ts';
import { type Compared, compareRunsOn } from './explain-disagreement.ts';
import { faithfulnessText, measureRuns } from './explain-faithfulness.ts';
import { askedClass, type ExplainFlags, optionsOf, withExplainFlags } from './explain-flags.ts';
import { type ChosenImages, chooseImages } from './explain-images.ts';
import { methodsOf, type OpenedRun, withRuns } from './explain-runs.ts';
import { interruptible } from './interrupt.ts';
import { columns, print, say, sayTables } from './io.ts';
import { keepForReport } from './keep.ts';
import { withEngine } from './options.ts';
import { refuseRun, reportFolder } from './report-folder.ts';

export function addExplain(program: Command): void {
  withExplainFlags(
    withEngine(program.command('explain'))
      .argument('<run>', 'a run folder')
      .argument('[images...]', 'image files, or names of images of the split (default: some of each class)')
      .description('Heat maps of what a run looks at: Grad-CAM, spikes, occlusion; pictures and a report'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  soma explain runs/demo/ae-cnn\n  soma explain runs/demo/scnn cell.png --method grad-cam,spike-activation --steps\n  soma explain runs/demo/ae-cnn --against runs/demo/scnn\n  soma explain runs/demo/ae-cnn --faithfulness --images 200',
    )
    .action(run);
}

async function run(path: string, names: string[], flags: ExplainFlags): Promise<void> {
  refuseRun(flags.out, 'explain');
  await withRuns([path, ...(flags.against ?? [])], flags, (runs) =>
    interruptible('stopping after these images; once more to stop at once', (signal) =>
      explainRuns(runs, names, flags, signal),
    ),
  );
}

async function explainRuns(
  runs: readonly OpenedRun[],
  names: readonly string[],
  flags: ExplainFlags,
  signal: AbortSignal,
): Promise<void> {
  const [first, ...others] = runs;
  const { height, width, channels, classes } = first.config.data;
  const style = {
    shape: { height, width, channels },
    classes,
    colours: await heatColours(flags.colours),
    opacity: flags.opacity,
  };
  const options = optionsOf(flags);
  const chosen = await chooseImages(first.config, names, flags);
  const explained = await explainedBy(first, chosen, flags, signal);
  const plates = await drawAll(explained, style, flags, names.length > 0);
  const compared: Compared[] = [];
  for (const other of others) compared.push(await compareRunsOn([first, other], flags, style, signal));
  const faithful = flags.faithfulness ? await measureRuns(runs, flags, signal) : [];
  const figures = faithful.length > 0 ? await faithfulnessFigures(faithful) : [];

  const out = reportFolder('explain', flags.out, [first.folder]);
  const report = join(out, 'explain.html');
  const methods = explained[0].maps.map(({ method, layer }) => used(method, layer, options, flags));
  if (names.length === 0 && flags.data === undefined)
    await keepForReport(first.folder, 'explain', {
      ...{ data: chosen.from, images: explained.length, methods },
      plate: await firstOfEach(explained, style),
    });
  await keepFaithfulness(runs, faithful, flags);
  await writeMaps(out, explained, style);
  await writePlates(out, [...plates, ...compared.flatMap((each) => each.plates)]);
  await writeFigures(join(out, 'figures'), figures);
  const sections = [
    ...compared.map((each) => disagreementSection({ ...each, classes })),
    ...(faithful.length > 0 ? [faithfulnessSection(faithful, figures)] : []),
  ];
  const about = { data: chosen.from, images: explained.length, methods, plates, sections };
  await writeAside(report, renderExplanations({ runs: runs.map(({ folder }) => folder.name), ...about }));

  const results = explained.map((each) => resultOf(each, classes));
  const against = compared.map(({ plates: _, ...each }) => each);
  const all = {
    methods,
    images: results,
    ...(others.length > 0 ? { against } : {}),
    ...ofFaithfulness(faithful),
  };
  await writeAside(join(out, 'explain.json'), `${JSON.stringify(all, null, 2)}\n`);
  const tables = explainTables(
    results,
    faithful,
    against.map((each) => ({ ...each, classes })),
  );
  await sayTables(join(out, 'tables'), `What ${first.folder.name} looks at`, tables, flags.format);
  const rows = results.map((r) => [
    r.image,
    r.truth ?? '–',
    r.predicted,
    probability(r.probability),
    r.asked,
  ]);
  const texts = [
    columns([['image', 'true', 'said', 'probability', 'asked'], ...rows]),
    ...compared.map(({ verdict }) => verdict),
    ...(faithful.length > 0 ? [faithfulnessText(faithful)] : []),
    `report ${report}`,
  ];
  print({ report, ...all }, texts.join('\n\n'), flags.json);
}

function ofFaithfulness(faithful: Awaited<ReturnType<typeof measureRuns>>) {
  return faithful.length > 0 ? { faithfulness: faithful } : {};
}

async function explainedBy(
  run: OpenedRun,
  { images }: ChosenImages,
  flags: ExplainFlags,
  signal: AbortSignal,
): Promise<ExplainedImage[]> {
  const { network, config } = run;
  const explained = await explainImages({
    ...{ network, images, signal, options: optionsOf(flags) },
    methods: methodsOf(run, flags.method, ['grad-cam']),
    asked: askedClass(flags.class, config.data.classes),
    onProgress: (done) => say(`explained ${done}/${images.length}`),
  });
  if (explained.length < images.length) throw new SomaError('explain: stopped', EXIT.interrupted);
  return explained;
}

function used(name: MethodName, layer: string, o: ExplainOptions, flags: ExplainFlags): UsedMethod {
  const { score, normalize } = METHODS[name];
  const settings = [
    ...(score ? [`score ${o.score ?? score}`, `class ${flags.class}`] : []),
    ...(name === 'grad-cam' ? [o.relu ? 'ReLU' : 'no ReLU'] : []),
    ...(name === 'occlusion' ? [`patch ${o.patch ?? 'a quarter of the image'}`, `fill ${o.fill}`] : []),
    ...(name === 'spike-activation' ? [`γ ${o.gamma}`] : []),
    `normalised by ${o.normalize ?? normalize}`,
  ];
  return { name, layer, settings: settings.join(', ') };
}

/** The first image of each class. */
function oneOfEach(explained: readonly ExplainedImage[], { classes }: PlateStyle): ExplainedImage[] {
  return classes.flatMap((_, k) => explained.find(({ image }) => image.truth === k) ?? []);
}

/** One plate with an image of each class, for the report of the run. */
function firstOfEach(explained: readonly ExplainedImage[], style: PlateStyle): Promise<Figure> {
  const names = { slug: 'looks-at', title: 'What the network looks at' };
  return drawPlate(mapsPlate(names, oneOfEach(explained, style), style));
}

async function keepFaithfulness(
  runs: readonly OpenedRun[],
  faithful: readonly FaithfulRun[],
  { data, split, seed }: ExplainFlags,
): Promise<void> {
  for (const [r, { result }] of faithful.entries()) {
    const { folder, config } = runs[r];
    const found = { data: `${config.data.name}, ${split}`, seed, result };
    await keepForReport(folder, 'faithfulness', found, { data });
  }
}

/** One plate of an image of each class, then a plate for each class that there are more of; or one for images that were named. */
function drawAll(
  explained: readonly ExplainedImage[],
  style: PlateStyle,
  flags: ExplainFlags,
  named: boolean,
): Promise<Figure[]> {
  const ofClass = (k: number) => explained.filter(({ image }) => image.truth === k);
  const classes = style.classes.map((name, k) => ({ slug: fileName(name), name, own: ofClass(k) }));
  const each = {
    slug: 'each-class',
    name: 'One of each class',
    own: oneOfEach(explained, style),
  };
  const groups = named
    ? [{ slug: 'images', name: 'images', own: explained }]
    : [each, ...classes.filter(({ own }) => own.length > 1)];
  const plates: Plate[] = [];
  for (const { slug, name, own } of groups) {
    if (own.length === 0) continue;
    plates.push(mapsPlate({ slug, title: name }, own, style));
    if (!flags.steps) continue;
    for (const [m, { method }] of own[0].maps.entries()) {
      const { title } = METHODS[method];
      const names = { slug: `${slug}-${method}-steps`, title: `${name}: ${title} step by step` };
      const plate = stepsPlate(names, own, m, style);
      if (plate) plates.push(plate);
    }
  }
  return Promise.all(plates.map(drawPlate));
}

async function writePlates(out: string, plates: readonly Figure[]): Promise<void> {
  const folder = join(out, 'plates');
  await writeFigures(folder, plates);
  for (const plate of plates) await writeAside(join(folder, `${plate.slug}.png`), await platePng(plate));
}

/** Overlays as PNG, one an image and method, and the maps as numbers. */
async function writeMaps(
  out: string,
  explained: readonly ExplainedImage[],
  style: PlateStyle,
): Promise<void> {
  await makeFolder(join(out, 'overlays'));
  for (const each of explained)
    for (const map of each.maps) {
      const { pixels, ...shape } = overlay(each, map, style);
      const png = await sharp(pixels, { raw: rawShape(shape) })
        .png()
        .toBuffer();
      await writeAside(join(out, 'overlays', `${fileName(each.image.name)}--${map.method}.png`), png);
    }
  await writeAside(join(out, 'maps.safetensors'), rawMaps(explained));
}

/** `<method>/<image>` [H, W]: as it was computed, in the size of the layer; `<method>/<image>/steps` [T, H, W]. */
function rawMaps(explained: readonly ExplainedImage[]): Uint8Array {
  const tensors = new Map<string, NamedTensor>();
  for (const { image, maps } of explained)
    for (const { method, raw, rawSteps } of maps) {
      const shape = [raw.height, raw.width];
      const name = `${method}/${image.name}`;
      tensors.set(name, { shape, data: raw.values });
      if (rawSteps.length === 0) continue;
      const data = Float32Array.from(rawSteps.flatMap(({ values }) => [...values]));
      tensors.set(`${name}/steps`, { shape: [rawSteps.length, ...shape], data });
    }
  return encodeSafetensors({ tensors, metadata: { what: 'heat maps as computed, before normalising' } });
}

function resultOf(each: ExplainedImage, classes: readonly string[]) {
  const { image, probabilities, predicted, asked } = each;
  return {
    image: image.name,
    truth: image.truth === null ? null : classes[image.truth],
    predicted: classes[predicted],
    probability: probabilities[predicted],
    asked: classes[asked],
    askedProbability: probabilities[asked],
  };
}

/** A name that is one file name on every system. */
function fileName(name: string): string {
  return name.replaceAll(/[^\p{L}\p{N}._-]+/gu, '_');
}
