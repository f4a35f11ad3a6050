/**
 * Spikes of some maps of a layer, a row for each step, as paper (a), figure 2 has them; below, how often each neuron fired.
 * A picture with its captions as SVG around it.
 */
import sharp from 'sharp';
import { type ImageShape, rawShape } from '../../data/image.ts';
import { type Figure, labelled } from '../figure.ts';
import { decimal } from '../format.ts';
import { escapeHtml } from '../html.ts';
import { pictureGrid } from '../picture-grid.ts';
import { textWidth } from '../text-width.ts';
import { FONT, INK, SHADES } from '../theme.ts';

export interface FeatureMaps {
  readonly slug: string;
  /** What the figure is of, e.g. a run, a layer and an image. */
  readonly title: string;
  readonly layer: string;
  /** [C, H, W]. */
  readonly shape: readonly number[];
  readonly steps: number;
  /** [T][C, H, W], 0 or 1. */
  readonly spikes: Uint8Array;
  readonly input: { readonly shape: ImageShape; readonly data: Uint8Array };
}

/** Maps in a row, and rows of single steps; of more steps those evenly spaced are shown. */
const COLUMNS = 16;
const ROWS = 10;
/** Sides of a map in the figure are about as large. */
const SIDE = 48;
const GAP = 4;
const TOP = 18;

/** Maps with the most spikes, in the order of their numbers. */
export function busiestMaps(
  spikes: Uint8Array,
  [maps, height, width]: readonly number[],
  most: number,
): number[] {
  const counts = new Float64Array(maps);
  const area = height * width;
  for (let i = 0; i < spikes.length; i++) counts[Math.floor(i / area) % maps] += spikes[i];
  return Array.from({ length: maps }, (_, c) => c)
    .sort((a, b) => counts[b] - counts[a] || a - b)
    .slice(0, most)
    .sort((a, b) => a - b);
}

export async function featureMapFigure(of: FeatureMaps): Promise<Figure> {
  const { slug, title, layer, shape, steps, spikes, input } = of;
  const [channels, height, width] = shape;
  const area = height * width;
  const maps = busiestMaps(spikes, shape, COLUMNS);
  const shownSteps = Array.from({ length: Math.min(ROWS, steps) }, (_, i) =>
    steps <= ROWS ? i : Math.round((i * (steps - 1)) / (ROWS - 1)),
  );
  const at = (t: number, c: number) =>
    spikes.subarray((t * channels + c) * area, (t * channels + c + 1) * area);
  const rows = shownSteps.map((t) => maps.map((c) => shaded(at(t, c), 1)));
  const counts = maps.map((c) => {
    const sum = new Uint16Array(area);
    for (let t = 0; t < steps; t++) for (const [i, spike] of at(t, c).entries()) sum[i] += spike;
    return sum;
  });
  const most = Math.max(1, ...counts.map((sum) => Math.max(...sum)));
  const sums = counts.map((sum) => shaded(sum, most));
  const scale = Math.max(1, Math.round(SIDE / Math.max(height, width)));
  const cell = { width: width * scale + GAP, height: height * scale + GAP };
  const grid = await picture([...rows, sums], { height, width, channels: 3 }, scale);
  const original = await picture([[input.data]], input.shape, 1);
  const names = [...shownSteps.map((t) => `t = ${t + 1}`), `sum, 0–${most}`];
  const left = 8 + Math.max(...names.map((name) => textWidth(name, 11))) + INPUT;
  const total = { width: left + grid.width + 4, height: Math.max(TOP + grid.height + 4, TOP + INPUT + 20) };
  const text = (x: number, y: number, anchor: string, words: string) =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="11" fill="${INK}">${escapeHtml(words)}</text>`;
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${total.width}" height="${total.height}" viewBox="0 0 ${total.width} ${total.height}" font-family="${escapeHtml(FONT)}">`,
    `<rect width="100%" height="100%" fill="#FFFFFF"/>`,
    image(0, TOP, INPUT - 12, ((INPUT - 12) * original.height) / original.width, original.uri),
    text((INPUT - 12) / 2, TOP - 6, 'middle', 'image'),
    image(left, TOP, grid.width, grid.height, grid.uri),
    text(left - 6, TOP - 6, 'end', 'map'),
    ...names.map((name, r) => text(left - 6, TOP + r * cell.height + cell.height / 2 + 2, 'end', name)),
    ...maps.map((c, m) =>
      text(left + m * cell.width + (cell.width - GAP) / 2, TOP - 6, 'middle', `${c + 1}`),
    ),
    '</svg>',
  ].join('');
  const rate = spikes.reduce((sum, spike) => sum + spike, 0) / spikes.length;
  const description =
    `Spikes of maps ${maps.map((c) => c + 1).join(', ')} of ${channels} of ${layer}, a row for each of ${names.length - 1} steps, ` +
    `and below how often each neuron fired in ${steps} steps, 0 to ${most} times. ${decimal(100 * rate, 1)} % of the neurons of the layer fire in a step.`;
  return { slug, title, description, svg: labelled(svg, slug, title, description) };
}

/** Width of the column of the image itself. */
const INPUT = 108;

function image(x: number, y: number, width: number, height: number, uri: string): string {
  const pixelated = 'style="image-rendering:pixelated"';
  return `<image x="${x}" y="${y}" width="${width}" height="${height}" ${pixelated} href="${uri}"/>`;
}

/** Counts from 0 to `most` as RGB between the shades of heat maps; what is zero is not quite white, so that maps have an edge. */
function shaded(counts: ArrayLike<number>, most: number): Uint8Array {
  const pixels = new Uint8Array(3 * counts.length);
  for (let i = 0; i < counts.length; i++) pixels.set(shade(counts[i] / most), 3 * i);
  return pixels;
}

const NOTHING = [238, 241, 245];

function shade(share: number): number[] {
  if (share === 0) return NOTHING;
  const at = share * (SHADES.length - 1);
  const low = Math.min(SHADES.length - 2, Math.floor(at));
  const [from, to] = [rgb(SHADES[low]), rgb(SHADES[low + 1])];
  return from.map((value, k) => Math.round(value + (at - low) * (to[k] - value)));
}

function rgb(colour: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
}

async function picture(rows: readonly (readonly Uint8Array[])[], shape: ImageShape, scale: number) {
  const { pixels, ...size } = pictureGrid(rows, shape, scale);
  const png = await sharp(pixels, { raw: rawShape(size) })
    .png()
    .toBuffer();
  return { ...size, uri: `data:image/png;base64,${png.toString('base64')}` };
}
