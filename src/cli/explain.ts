/** `soma explain`: where a run looks, as heat maps over images. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import sharp from 'sharp';
import { SPLITS, type Split } from '../data/dataset.ts';
import { rawShape } from '../data/image.ts';
import { openEngine } from '../engine/select.ts';
import { EXIT, nearest, SomaError } from '../errors.ts';
import { type Asked, type ExplainedImage, explainImages } from '../explain/explain.ts';
import { FILLS, type Fill } from '../explain/fill.ts';
import { NORMALIZATION_NAMES, type Normalization } from '../explain/heat-map.ts';
import { EXPLAIN_DEFAULTS, type ExplainOptions } from '../explain/method.ts';
import { METHOD_NAMES, METHODS, type MethodName } from '../explain/methods.ts';
import { networkOf } from '../explain/network.ts';
import { SCORES, type Score } from '../explain/score.ts';
import { writeAside } from '../files.ts';
import { mapsPlate, overlay, type PlateStyle, stepsPlate } from '../report/explain-plates.ts';
import { renderExplanations, type UsedMethod } from '../report/explain-report.ts';
import { type Figure, writeFigures } from '../report/figure.ts';
import { percent } from '../report/format.ts';
import { HEAT_SCALES, type HeatScale } from '../report/heat-colours.ts';
import { drawPlate, type Plate, platePng } from '../report/plate.ts';
import { RunFolder } from '../train/run-folder.ts';
import { encodeSafetensors, type NamedTensor } from '../train/safetensors.ts';
import { chooseImages } from './explain-images.ts';
import { interruptible } from './interrupt.ts';
import { columns, print, say } from './io.ts';
import {
  type EngineOptions,
  positiveInt,
  positiveNumber,
  wholeNumber,
  withEngine,
  words,
} from './options.ts';

export interface ExplainFlags extends EngineOptions {
  readonly method: readonly MethodName[];
  readonly layer?: string;
  readonly class: string;
  readonly perClass: number;
  readonly seed: number;
  readonly data?: string;
  readonly split: Split;
  readonly score: Score;
  readonly relu: boolean;
  readonly normalize?: Normalization;
  readonly patch?: number;
  readonly stride?: number;
  readonly fill: Fill;
  readonly gamma: number;
  readonly steps?: boolean;
  readonly colours: HeatScale;
  readonly opacity: number;
  readonly out?: string;
  readonly json?: boolean;
}

export function addExplain(program: Command): void {
  withEngine(program.command('explain'))
    .argument('<run>', 'a run folder')
    .argument('[images...]', 'image files, or names of images of the split (default: some of each class)')
    .description('Heat maps of what a run looks at: Grad-CAM, spikes, occlusion; pictures and a report')
    .option('--method <list>', `of ${METHOD_NAMES.join(', ')}`, methodList, ['grad-cam'] as const)
    .option(
      '--layer <name>',
      'layer that is looked at (default: the last convolution, or last spiking layer)',
    )
    .option('--class <name>', 'class that is asked about: a name, predicted, or true', 'predicted')
    .option('--per-class <n>', 'images of each class, where none are named', positiveInt, 2)
    .option('--seed <n>', 'seed by which these are drawn', wholeNumber, 0)
    .option('--data <path>', 'other data with the same classes')
    .addOption(new Option('--split <name>', 'which images').choices(SPLITS).default('test'))
    .addOption(
      new Option('--score <what>', 'what is explained; probability: as paper (c); loss: as paper (d)')
        .choices(SCORES)
        .default(EXPLAIN_DEFAULTS.score),
    )
    .option('--no-relu', 'Grad-CAM keeps what speaks against the class too, as paper (d)')
    .addOption(
      new Option('--normalize <how>', "to [0, 1] (default: the method's own); columns: as paper (d)").choices(
        NORMALIZATION_NAMES,
      ),
    )
    .option('--patch <px>', 'side of the occluding patch (default: a quarter of the image)', positiveInt)
    .option('--stride <px>', 'how far the patch moves (default: a quarter of it)', positiveInt)
    .addOption(
      new Option('--fill <what>', 'what covered pixels become').choices(FILLS).default(EXPLAIN_DEFAULTS.fill),
    )
    .option(
      '--gamma <x>',
      'how fast spike activation forgets an earlier spike, a step',
      positiveNumber,
      EXPLAIN_DEFAULTS.gamma,
    )
    .option('--steps', 'maps of each time step too')
    .addOption(new Option('--colours <scale>', 'of the heat').choices(HEAT_SCALES).default('inferno'))
    .option('--opacity <share>', 'of the heat in overlays, 0 to 1', share, 0.5)
    .option('--out <folder>', 'where pictures, maps and report go (default: explain/ in the run)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  soma explain runs/demo/ae-cnn\n  soma explain runs/demo/scnn cell.png --method grad-cam,spike-activation --steps\n  soma explain runs/demo/ae-cnn --method grad-cam,occlusion --class true --per-class 4',
    )
    .action(run);
}

function methodList(text: string): MethodName[] {
  return words(text).map((word) => {
    const found = METHOD_NAMES.find((name) => name === word);
    if (found) return found;
    const meant = nearest(word, METHOD_NAMES);
    throw new InvalidArgumentError(
      meant ? `Did you mean ${meant}?` : `Expected some of ${METHOD_NAMES.join(', ')}.`,
    );
  });
}

function share(text: string): number {
  const x = Number(text);
  if (!(x >= 0 && x <= 1)) throw new InvalidArgumentError('Expected a number from 0 to 1.');
  return x;
}

async function run(path: string, names: string[], flags: ExplainFlags): Promise<void> {
  const folder = new RunFolder(path);
  const config = await folder.config();
  const { classes, height, width, channels } = config.data;
  const style = {
    shape: { height, width, channels },
    classes,
    colours: flags.colours,
    opacity: flags.opacity,
  };
  const asked = askedClass(flags.class, classes);
  const options = optionsOf(flags);
  const session = openEngine(flags).createSession();
  try {
    const { images, from } = await chooseImages(config, names, flags);
    const network = networkOf(folder, config, session, config.settings.evaluate);
    const explained = await interruptible('stopping after this method', async (signal) => {
      const onProgress = (method: MethodName, done: number) => say(`${method} ${done}/${images.length}`);
      const all = await explainImages({
        ...{ network, images, asked, options, signal, onProgress },
        methods: flags.method,
      });
      if (all.length < images.length) throw new SomaError('explain: stopped', EXIT.interrupted);
      return all;
    });
    const out = flags.out ?? folder.file('explain');
    const plates = await drawAll(explained, style, flags);
    const methods = explained[0].maps.map(({ method, layer }) => used(method, layer, options, flags));
    const report = join(out, 'explain.html');
    await writeFiles(out, explained, style, plates);
    const about = { runs: [folder.name], data: from, images: images.length, methods, plates };
    await writeAside(report, renderExplanations(about));
    const results = explained.map((each) => resultOf(each, classes));
    await writeAside(join(out, 'explain.json'), `${JSON.stringify({ methods, images: results }, null, 2)}\n`);
    const rows = results.map((r) => [
      r.image,
      r.truth ?? '–',
      r.predicted,
      percent(r.probability, 1),
      r.asked,
    ]);
    const listed = columns([['image', 'true', 'said', 'probability', 'asked'], ...rows]);
    print({ report, methods, images: results }, `${listed}\n\nreport ${report}`, flags.json);
  } finally {
    session.close();
  }
}

function askedClass(name: string, classes: readonly string[]): Asked {
  const k = classes.indexOf(name);
  if (k >= 0) return k;
  if (name === 'predicted' || name === 'true') return name;
  const meant = nearest(name, [...classes, 'predicted', 'true']);
  throw new SomaError(
    `--class: expected ${classes.join(', ')}, predicted or true, got ${name}${meant ? `; did you mean ${meant}?` : ''}`,
    EXIT.usage,
  );
}

function optionsOf({
  layer,
  score,
  relu,
  normalize,
  patch,
  stride,
  fill,
  gamma,
}: ExplainFlags): ExplainOptions {
  return { layer, score, relu, normalize, patch, stride, fill, gamma };
}

function used(name: MethodName, layer: string, o: ExplainOptions, flags: ExplainFlags): UsedMethod {
  const { ofClass, normalize } = METHODS[name];
  const settings = [
    ...(ofClass ? [`score ${o.score}`, `class ${flags.class}`] : []),
    ...(name === 'grad-cam' ? [o.relu ? 'ReLU' : 'no ReLU'] : []),
    ...(name === 'occlusion' ? [`patch ${o.patch ?? 'a quarter'}`, `fill ${o.fill}`] : []),
    ...(name === 'spike-activation' ? [`γ ${o.gamma}`] : []),
    `normalised by ${o.normalize ?? normalize}`,
  ];
  return { name, layer, settings: settings.join(', ') };
}

/** A plate for each class that there are images of, and for images whose class is not known. */
async function drawAll(
  explained: readonly ExplainedImage[],
  style: PlateStyle,
  flags: ExplainFlags,
): Promise<Figure[]> {
  const plates: Plate[] = [];
  for (const [k, name] of [...style.classes.entries(), [null, 'images'] as const]) {
    const own = explained.filter(({ image }) => image.truth === k);
    if (own.length === 0) continue;
    const slug = fileName(name);
    plates.push(mapsPlate({ slug, title: name }, own, style));
    if (!flags.steps) continue;
    for (const [m, method] of flags.method.entries()) {
      const { title } = METHODS[method];
      const names = { slug: `${slug}-${method}-steps`, title: `${name}: ${title} step by step` };
      const plate = stepsPlate(names, own, m, style);
      if (plate) plates.push(plate);
    }
  }
  return Promise.all(plates.map(drawPlate));
}

async function writeFiles(
  out: string,
  explained: readonly ExplainedImage[],
  style: PlateStyle,
  plates: readonly Figure[],
): Promise<void> {
  await mkdir(join(out, 'overlays'), { recursive: true });
  await writeFigures(join(out, 'plates'), plates);
  for (const plate of plates)
    await writeAside(join(out, 'plates', `${plate.slug}.png`), await platePng(plate));
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
