/**
 * Whether the maps of a method are true to the network and to the picture, over many images:
 *
 * Deletion and insertion (Petsiuk et al., BMVC 2018): pixels are taken away, or put back, the hottest first, and the
 * probability of the explained class is followed. A good map makes the first curve fall early (a small area) and the second
 * rise early (a large one). Two controls go through the same: an order that is drawn, and heat that only says *the middle*.
 *
 * Where a mask says where the nucleus lies: the share of the heat on it, and how often the hottest pixel is on it, beside
 * the share of the image that it covers, which is what heat without knowledge gets.
 */
import { imageValues } from '../data/single.ts';
import type { Estimate } from '../measure/bootstrap.ts';
import {
  areaShare,
  areaUnder,
  heatShare,
  meansOver,
  orderByHeat,
  pointingHit,
} from '../measure/faithfulness.ts';
import { random } from '../random.ts';
import { AT_ONCE, type ExplainedImage, type ExplainSome, type ShownImage } from './explain.ts';
import { type FaithfulnessJournal, type ImageFigures, keyOf, noJournal } from './faithfulness-journal.ts';
import { type Fill, filler } from './fill.ts';
import type { MethodName } from './methods.ts';
import type { Network } from './network.ts';
import { type Ask, openAsking } from './score.ts';

export const CONTROLS = ['random', 'centre'] as const;
/** What orders pixels: a method, or a control. */
export type Ranking = MethodName | (typeof CONTROLS)[number];

export interface FaithfulnessOptions {
  readonly network: Network;
  readonly images: readonly ShownImage[];
  readonly methods: readonly MethodName[];
  readonly explain: ExplainSome;
  /** Of each image 1 on the nucleus, else 0; left out: nothing is known. */
  readonly masks?: readonly Uint8Array[];
  /** What deleted pixels become, and what insertion starts from. */
  readonly fill: { readonly deletion: Fill; readonly insertion: Fill };
  /** Parts that the pixels are taken away in. */
  readonly parts: number;
  /** Of orders that are drawn. */
  readonly seed: number;
  /** What was measured before; left out: nothing, and nothing is written down. */
  readonly journal?: FaithfulnessJournal;
  readonly signal?: AbortSignal;
  /** Of so many pairs of an image and an order. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Means over the images; areas and probabilities in [0, 1]. */
export interface RankingFigures {
  readonly ranking: Ranking;
  /** Layer that was looked at; null of a control. */
  readonly layer: string | null;
  /** Area under the curve: the smaller the better. */
  readonly deletion: Estimate;
  /** Area under the curve: the larger the better. */
  readonly insertion: Estimate;
  /** The areas less those of the drawn order, image by image. */
  readonly deletionOverRandom: Estimate;
  readonly insertionOverRandom: Estimate;
  /** Mean probability after each part. */
  readonly curves: { readonly deletion: readonly number[]; readonly insertion: readonly number[] };
  readonly nucleus?: NucleusFigures;
}

export interface NucleusFigures {
  /** Share of the heat on the nucleus. */
  readonly heat: Estimate;
  /** That less the share of the image which the nucleus covers, image by image. */
  readonly heatOverArea: Estimate;
  /** How often the hottest pixel is on it. */
  readonly pointing: Estimate;
  readonly pointingOverArea: Estimate;
}

export interface Faithfulness {
  readonly images: number;
  readonly parts: number;
  readonly fill: FaithfulnessOptions['fill'];
  /** Share of the image that the nucleus covers; null where it is not known. */
  readonly nucleusArea: Estimate | null;
  readonly rankings: readonly RankingFigures[];
}

/**
 * Undefined where it was interrupted. What is known of some images and an order is written down at once, and a second call
 * goes on behind it to the same bits: images are explained in the same company again, since a kernel that chooses by what
 * it counts in a batch may round otherwise beside others.
 */
export async function measureFaithfulness(options: FaithfulnessOptions): Promise<Faithfulness | undefined> {
  const { network, images, methods, explain, masks, fill, parts, signal, onProgress } = options;
  const journal = options.journal ?? noJournal();
  const ask = await openAsking(network);
  const rankings: Ranking[] = [...methods, ...CONTROLS];
  const measured: ImageFigures[][] = rankings.map(() => []);
  let done = 0;
  for (let from = 0; from < images.length; from += AT_ONCE) {
    const some = images.slice(from, from + AT_ONCE);
    const places = masks?.slice(from, from + AT_ONCE);
    const key = keyOf(journal, some, places, options);
    const known = rankings.map((ranking) => journal.find(key, ranking, some));
    const missing = methods.filter((_, r) => !known[r]);
    const explained = known.every((each) => each) ? [] : await explain(some, missing);
    for (const [r, ranking] of rankings.entries()) {
      if (signal?.aborted) return undefined;
      const figures: ImageFigures[] = [...(known[r] ?? [])];
      if (!known[r]) {
        for (const [i, each] of explained.entries())
          figures.push(await figuresOf(ask, each, ranking, places?.[i], options));
        await journal.append(key, ranking, some, figures);
      }
      measured[r].push(...figures);
      done += some.length;
      onProgress?.(done, images.length * rankings.length);
    }
  }
  const areas = masks?.map(areaShare);
  const drawn = measured[rankings.indexOf('random')];
  return {
    ...{ images: images.length, parts, fill },
    nucleusArea: areas ? meansOver({ area: areas }).area : null,
    rankings: rankings.map((ranking, r) => ({
      ...{ ranking, layer: measured[r][0].layer },
      ...areaFigures(measured[r], drawn),
      ...(areas ? { nucleus: nucleusFigures(measured[r], areas) } : {}),
    })),
  };
}

/** What an order makes of one image. */
async function figuresOf(
  ask: Ask,
  each: ExplainedImage,
  ranking: Ranking,
  mask: Uint8Array | undefined,
  { network, fill, parts, seed }: FaithfulnessOptions,
): Promise<ImageFigures> {
  const { height, width } = network.spec;
  const map = each.maps.find(({ method }) => method === ranking);
  const heat = map?.heat.values ?? controlHeat(ranking, height, width);
  const order = orderByHeat(heat, random(seed, 'faithfulness', each.image.name));
  return {
    layer: map?.layer ?? null,
    ...(await curvesOf(ask, network, each, order, fill, parts)),
    nucleus: mask ? { heat: heatShare(heat, mask), pointing: pointingHit(heat, mask) } : null,
  };
}

/** Even, so that the order is drawn; or of the middle. */
function controlHeat(ranking: Ranking, height: number, width: number): Float32Array {
  return ranking === 'centre' ? centredHeat(height, width) : new Float32Array(height * width);
}

/** A Gaussian over the middle of the image, as wide as a sixth of it. */
function centredHeat(height: number, width: number): Float32Array {
  const along = (i: number, length: number) => Math.exp(-0.5 * (((i + 0.5) / length - 0.5) * 6) ** 2);
  return Float32Array.from(
    { length: height * width },
    (_, i) => along(Math.floor(i / width), height) * along(i % width, width),
  );
}

async function curvesOf(
  ask: Ask,
  { spec }: Network,
  { image, asked }: ExplainedImage,
  order: Int32Array,
  fill: FaithfulnessOptions['fill'],
  parts: number,
): Promise<Pick<ImageFigures, 'deletion' | 'insertion'>> {
  const { channels, height, width, classes } = spec;
  const area = height * width;
  const whole = imageValues([image.pixels], spec);
  const values = whole.length;
  const images = new Float32Array(2 * (parts + 1) * values);
  const write = (at: number, from: Float32Array, to: Float32Array) => {
    for (let part = 0; part <= parts; part++) {
      const picture = images.subarray((at + part) * values, (at + part + 1) * values);
      picture.set(from);
      for (const i of order.subarray(0, Math.round((part / parts) * area)))
        for (let c = 0; c < channels; c++) picture[c * area + i] = to[c * area + i];
    }
  };
  write(0, whole, filler(fill.deletion, whole, spec));
  write(parts + 1, filler(fill.insertion, whole, spec), whole);
  const { probabilities } = await ask(images);
  const curve = (at: number) =>
    Array.from({ length: parts + 1 }, (_, part) => probabilities[(at + part) * classes + asked]);
  return { deletion: curve(0), insertion: curve(parts + 1) };
}

type Curve = 'deletion' | 'insertion';

function areaFigures(curves: readonly ImageFigures[], drawn: readonly ImageFigures[]) {
  const areas = (of: readonly ImageFigures[], kind: Curve) => of.map((each) => areaUnder(each[kind]));
  const over = (kind: Curve) => {
    const control = areas(drawn, kind);
    return areas(curves, kind).map((x, i) => x - control[i]);
  };
  const mean = (kind: Curve) =>
    curves[0][kind].map((_, part) => curves.reduce((sum, each) => sum + each[kind][part], 0) / curves.length);
  return {
    ...meansOver({
      deletion: areas(curves, 'deletion'),
      insertion: areas(curves, 'insertion'),
      deletionOverRandom: over('deletion'),
      insertionOverRandom: over('insertion'),
    }),
    curves: { deletion: mean('deletion'), insertion: mean('insertion') },
  };
}

function nucleusFigures(figures: readonly ImageFigures[], areas: readonly number[]): NucleusFigures {
  const heat = figures.map(({ nucleus }, i) => nucleus?.heat ?? areas[i]);
  const pointing = figures.map(({ nucleus }, i) => nucleus?.pointing ?? areas[i]);
  return meansOver({
    heat,
    heatOverArea: heat.map((share, i) => share - areas[i]),
    pointing,
    pointingOverArea: pointing.map((hit, i) => hit - areas[i]),
  });
}
