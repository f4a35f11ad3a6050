/**
 * Occlusion sensitivity (Zeiler & Fergus, ECCV 2014, section 4.2): a patch is moved over the image, and how far the score of
 * the class falls is the heat of the pixels under it. A pixel's heat is the mean over the patches that cover it; the
 * patch also hangs over the edges, so that all pixels are covered as often.
 *
 * The score is the probability, as there: a count of spikes may stay at its end while other classes catch up.
 *
 * Needs no gradient and no layer, so it holds for every network. It takes (side + patch)²/stride² predictions an image.
 */
import { EXIT, SomaError } from '../errors.ts';
import { filler } from './fill.ts';
import type { HeatMap } from './heat-map.ts';
import type { ExplainMethod } from './method.ts';
import { openAsking, scoreOf } from './score.ts';

const SCORE = 'probability';

/** Occluded images that are made at a time. */
const AT_ONCE = 128;

export interface Patch {
  readonly top: number;
  readonly left: number;
}

interface Area {
  readonly height: number;
  readonly width: number;
}

/** Upper left corners of all patches; some lie outside the image. */
export function patchesOver({ height, width }: Area, patch: number, stride: number): Patch[] {
  const starts = (length: number) => {
    const all: number[] = [];
    for (let at = stride - patch; at < length; at += stride) all.push(at);
    return all;
  };
  return starts(height).flatMap((top) => starts(width).map((left) => ({ top, left })));
}

/** Calls `each` with the index of every pixel under the patch. */
function forEachPixel(
  { height, width }: Area,
  { top, left }: Patch,
  patch: number,
  each: (i: number) => void,
): void {
  for (let y = Math.max(0, top); y < Math.min(height, top + patch); y++)
    for (let x = Math.max(0, left); x < Math.min(width, left + patch); x++) each(y * width + x);
}

/** Each pixel the mean of what the patches over it cost. */
export function occlusionMap(
  area: Area,
  patches: readonly Patch[],
  patch: number,
  costs: readonly number[],
): HeatMap {
  const { height, width } = area;
  const sums = new Float64Array(height * width);
  const counts = new Int32Array(height * width);
  patches.forEach((at, p) => {
    forEachPixel(area, at, patch, (i) => {
      sums[i] += costs[p];
      counts[i]++;
    });
  });
  return {
    height,
    width,
    values: Float32Array.from(sums, (sum, i) => (counts[i] === 0 ? 0 : sum / counts[i])),
  };
}

export const occlusion: ExplainMethod = {
  title: 'Occlusion',
  what: 'how far the score of the class falls when the place is covered',
  source: 'Zeiler & Fergus, ECCV 2014',
  score: SCORE,
  ofSpikes: false,
  normalize: 'max',
  async open(network, { score = SCORE, fill, ...o }) {
    const { channels, height, width, classes } = network.spec;
    const shape = { channels, height, width };
    const patch = o.patch ?? Math.max(1, Math.round(Math.min(height, width) / 4));
    const stride = o.stride ?? Math.max(1, Math.round(patch / 4));
    if (patch > Math.min(height, width) || stride > patch)
      throw new SomaError(
        `--patch: expected at most ${Math.min(height, width)} pixels and a stride of at most the patch, got a patch of ${patch} and a stride of ${stride}`,
        EXIT.usage,
      );
    const patches = patchesOver(shape, patch, stride);
    const ask = await openAsking(network);
    const values = channels * height * width;
    // A loss rises where a score falls.
    const sign = score === 'loss' ? -1 : 1;

    async function mapOf(image: Float32Array, wanted: number): Promise<HeatMap> {
      const cover = filler(fill, image, shape);
      const whole = scoreOf(score, await ask(image), 0, wanted, classes);
      const costs: number[] = [];
      for (let from = 0; from < patches.length; from += AT_ONCE) {
        const some = patches.slice(from, from + AT_ONCE);
        const images = new Float32Array(some.length * values);
        for (const [p, at] of some.entries()) {
          images.set(image, p * values);
          forEachPixel(shape, at, patch, (i) => {
            for (let c = 0; c < channels; c++)
              images[p * values + c * height * width + i] = cover[c * height * width + i];
          });
        }
        const answers = await ask(images);
        for (const p of some.keys()) costs.push(sign * (whole - scoreOf(score, answers, p, wanted, classes)));
      }
      return occlusionMap(shape, patches, patch, costs);
    }

    return {
      layer: 'image',
      async explain(images, wantedClasses) {
        const explanations = [];
        for (const [i, wanted] of wantedClasses.entries()) {
          const map = await mapOf(images.subarray(i * values, (i + 1) * values), wanted);
          explanations.push({ map, steps: [] });
        }
        return explanations;
      },
    };
  },
};
