/**
 * Heat as colour, by a perceptually uniform scale: equal steps of heat look equally large, to colour-blind readers and in
 * grey too. Values beyond [0, 1] take the colour of the end. Image and heat are mixed on one scale, 0 to 255.
 */
import { luma } from '../data/image.ts';
import { mismatch } from '../errors.ts';
import type { HeatMap } from '../explain/heat-map.ts';

export const HEAT_SCALES = ['viridis', 'inferno', 'magma', 'cividis'] as const;
export type HeatScale = (typeof HEAT_SCALES)[number];

const SHADES = 256;

/** 256 colours, RGB bytes one after the other, cold to hot. */
export async function heatColours(scale: HeatScale): Promise<Uint8Array> {
  const { scheme } = await import('vega');
  const colourAt: (share: number) => string = scheme(scale);
  const table = new Uint8Array(3 * SHADES);
  for (let i = 0; i < SHADES; i++) {
    const parts = colourAt(i / (SHADES - 1)).match(/\d+/g);
    if (parts?.length !== 3) throw mismatch('heatColours()', 'colours as rgb(r, g, b)', colourAt(0));
    table.set(parts.map(Number), 3 * i);
  }
  return table;
}

/** RGB bytes of a map. */
export function colouredHeat({ values }: HeatMap, colours: Uint8Array): Uint8Array {
  const out = new Uint8Array(3 * values.length);
  for (const [i, x] of values.entries()) {
    const shade = Math.round(Math.min(Math.max(x, 0), 1) * (SHADES - 1));
    out.set(colours.subarray(3 * shade, 3 * shade + 3), 3 * i);
  }
  return out;
}

/** RGB bytes of an image of 1 or 3 channels. */
export function asColour(pixels: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return pixels;
  return Uint8Array.from({ length: 3 * pixels.length }, (_, i) => pixels[Math.floor(i / 3)]);
}

/**
 * (1 − opacity) · image + opacity · heat, both RGB bytes. The image is made grey (BT.601), so that colour means heat and
 * nothing else.
 */
export function overlaid(image: Uint8Array, heat: Uint8Array, opacity: number): Uint8Array {
  const out = new Uint8Array(image.length);
  for (let i = 0; i < image.length; i += 3) {
    const grey = luma(image[i], image[i + 1], image[i + 2]);
    for (let c = 0; c < 3; c++) out[i + c] = Math.round((1 - opacity) * grey + opacity * heat[i + c]);
  }
  return out;
}
