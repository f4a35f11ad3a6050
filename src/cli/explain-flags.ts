/** What `soma explain` can be told. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { SPLITS, type Split } from '../data/dataset.ts';
import { EXIT, nearest, SomaError } from '../errors.ts';
import type { Asked } from '../explain/explain.ts';
import { FILLS, type Fill } from '../explain/fill.ts';
import { NORMALIZATION_NAMES, type Normalization } from '../explain/heat-map.ts';
import { EXPLAIN_DEFAULTS, type ExplainOptions } from '../explain/method.ts';
import { METHOD_NAMES, type MethodName } from '../explain/methods.ts';
import { SCORES, type Score } from '../explain/score.ts';
import { HEAT_SCALES, type HeatScale } from '../report/heat-colours.ts';
import type { Format } from '../report/tables.ts';
import {
  collect,
  type EngineOptions,
  positiveInt,
  positiveNumber,
  seedNumber,
  withFormat,
  words,
} from './options.ts';

export interface ExplainFlags extends EngineOptions {
  readonly method?: readonly MethodName[];
  readonly layer?: string;
  readonly activated: boolean;
  readonly class: string;
  readonly perClass: number;
  readonly seed: number;
  readonly data?: string;
  readonly split: Split;
  readonly against?: readonly string[];
  readonly faithfulness?: boolean;
  readonly images: number;
  readonly masks?: string;
  readonly score?: Score;
  readonly relu: boolean;
  readonly normalize?: Normalization;
  readonly patch?: number;
  readonly stride?: number;
  readonly fill?: Fill;
  readonly gamma: number;
  readonly steps?: boolean;
  readonly colours: HeatScale;
  readonly opacity: number;
  readonly out?: string;
  readonly format: readonly Format[];
  readonly json?: boolean;
}

export function withExplainFlags(command: Command): Command {
  return withFormat(command)
    .option('--method <list>', `of ${METHOD_NAMES.join(', ')} (default: grad-cam)`, methodList)
    .option(
      '--layer <name>',
      'layer that is looked at (default: the last spiking layer, without spikes the last convolution)',
    )
    .option('--activated', 'Grad-CAM looks behind the ReLU that follows the layer', false)
    .option('--class <name>', 'class that is asked about: a name, predicted, or true', 'predicted')
    .option('--per-class <n>', 'images of each class, where none are named', positiveInt, 2)
    .option('--seed <n>', 'seed by which images are drawn', seedNumber, 0)
    .option('--data <path>', 'other data with the same classes')
    .addOption(new Option('--split <name>', 'which images').choices(SPLITS).default('test'))
    .option(
      '--against <run>',
      'another run: where one is right and the other is not (may be repeated)',
      collect,
    )
    .option('--faithfulness', 'measure how far to trust the maps, of all methods unless some are named')
    .option('--images <n>', 'images that this is measured on', positiveInt, 64)
    .option(
      '--masks <folder>',
      'where nuclei lie, a PNG an image (default: known of the smear, or masks/ in the data)',
    )
    .addOption(
      new Option(
        '--score <what>',
        'what is explained (default: logit for Grad-CAM, probability for occlusion); loss: as paper (d)',
      ).choices(SCORES),
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
      new Option(
        '--fill <what>',
        'what pixels that are taken away become (default: mean; insertion starts from blurred)',
      ).choices(FILLS),
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
    .option('--json', 'print JSON');
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

/** @throws SomaError with the nearest name */
export function askedClass(name: string, classes: readonly string[]): Asked {
  const k = classes.indexOf(name);
  if (k >= 0) return k;
  if (name === 'predicted' || name === 'true') return name;
  const meant = nearest(name, [...classes, 'predicted', 'true']);
  throw new SomaError(
    `--class: expected ${classes.join(', ')}, predicted or true, got ${name}${meant ? `; did you mean ${meant}?` : ''}`,
    EXIT.usage,
  );
}

export function optionsOf(flags: ExplainFlags): ExplainOptions {
  const {
    layer,
    activated,
    score,
    relu,
    normalize,
    patch,
    stride,
    fill = EXPLAIN_DEFAULTS.fill,
    gamma,
  } = flags;
  return { layer, activated, score, relu, normalize, patch, stride, fill, gamma };
}
