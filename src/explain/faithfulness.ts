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
import type { ExplainedImage } from './explain.ts';
import { type Fill, filler } from './fill.ts';
import type { MethodName } from './methods.ts';
import type { Network } from './network.ts';
import { type Ask, openAsking } from './score.ts';

export const CONTROLS = ['random', 'centre'] as const;
/** What orders pixels: a method, or a control. */
export type Ranking = MethodName | (typeof CONTROLS)[number];

export interface FaithfulnessOptions {
  readonly network: Network;
  /** All with the same methods. */
  readonly explained: readonly ExplainedImage[];
  /** Of each image 1 on the nucleus, else 0; left out: nothing is known. */
  readonly masks?: readonly Uint8Array[];
  /** What deleted pixels become, and what insertion starts from. */
  readonly fill: { readonly deletion: Fill; readonly insertion: Fill };
  /** Parts that the pixels are taken away in. */
  readonly parts: number;
  /** Of orders that are drawn. */
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number) => void;
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

interface Curves {
  readonly deletion: number[];
  readonly insertion: number[];
}

/** Undefined where it was interrupted. */
export async function measureFaithfulness(options: FaithfulnessOptions): Promise<Faithfulness | undefined> {
  const { network, explained, masks, fill, parts, seed, signal, onProgress } = options;
  const ask = await openAsking(network);
  const { height, width } = network.spec;
  const centre = centredHeat(height, width);
  const rankings: Ranking[] = [...explained[0].maps.map(({ method }) => method), ...CONTROLS];
  const even = new Float32Array(height * width);
  const heatOf = (each: ExplainedImage, r: number) =>
    each.maps[r]?.heat.values ?? (rankings[r] === 'centre' ? centre : even);
  const curves: Curves[][] = rankings.map(() => []);
  for (const [i, each] of explained.entries()) {
    if (signal?.aborted) return undefined;
    for (const r of rankings.keys()) {
      const draw = random(seed, 'faithfulness', each.image.name);
      const order = orderByHeat(heatOf(each, r), draw);
      curves[r].push(await curvesOf(ask, network, each, order, fill, parts));
    }
    onProgress?.(i + 1);
  }
  const areas = masks?.map(areaShare);
  const drawn = curves[rankings.indexOf('random')];
  return {
    ...{ images: explained.length, parts, fill },
    nucleusArea: areas ? meansOver({ area: areas }).area : null,
    rankings: rankings.map((ranking, r) => ({
      ...{ ranking, layer: explained[0].maps[r]?.layer ?? null },
      ...areaFigures(curves[r], drawn),
      ...(masks && areas
        ? {
            nucleus: nucleusFigures(
              explained.map((each) => heatOf(each, r)),
              masks,
              areas,
            ),
          }
        : {}),
    })),
  };
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
): Promise<Curves> {
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

function areaFigures(curves: readonly Curves[], drawn: readonly Curves[]) {
  const areas = (of: readonly Curves[], kind: keyof Curves) => of.map((each) => areaUnder(each[kind]));
  const over = (kind: keyof Curves) => {
    const control = areas(drawn, kind);
    return areas(curves, kind).map((x, i) => x - control[i]);
  };
  const mean = (kind: keyof Curves) =>
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

function nucleusFigures(
  heats: readonly Float32Array[],
  masks: readonly Uint8Array[],
  areas: readonly number[],
): NucleusFigures {
  const heat = heats.map((each, i) => heatShare(each, masks[i]));
  const pointing = heats.map((each, i) => pointingHit(each, masks[i]));
  return meansOver({
    heat,
    heatOverArea: heat.map((share, i) => share - areas[i]),
    pointing,
    pointingOverArea: pointing.map((hit, i) => hit - areas[i]),
  });
}
