/** Brightness, contrast and saturation, with the formulae of PIL's ImageEnhance and scikit-image's HSV. */
import { luma, type Pixels } from '../image.ts';
import { defineCorruption, MEDMNIST_C, mapBytes, PAPER_E } from './corruption.ts';

export const illumination = defineCorruption({
  title: 'Illumination',
  source: PAPER_E,
  levels: [0.1, 0.2, 0.3, 0.4, 0.5],
  show: (change) => `brighter or darker by ${100 * change} %`,
  apply: (image, change, draw) => brighten(image, 1 + (draw.uniform() < 0.5 ? -change : change)),
});

const brightness = (title: string, levels: readonly [number, number, number, number, number]) =>
  defineCorruption({ title, source: MEDMNIST_C, levels, show: (factor) => `× ${factor}`, apply: brighten });

export const brightnessUp = brightness('Brighter', [1.1, 1.2, 1.3, 1.35, 1.4]);
export const brightnessDown = brightness('Darker', [0.9, 0.8, 0.7, 0.6, 0.5]);

const contrast = (title: string, levels: readonly [number, number, number, number, number]) =>
  defineCorruption({
    title,
    source: MEDMNIST_C,
    levels,
    show: (factor) => `× ${factor}`,
    apply: (image, factor) => {
      const grey = Math.round(meanLuma(image));
      return mapBytes(image, (value) => grey + factor * (value - grey));
    },
  });

export const contrastUp = contrast('More contrast', [1.1, 1.15, 1.2, 1.25, 1.3]);
export const contrastDown = contrast('Less contrast', [0.9, 0.8, 0.7, 0.6, 0.5]);

export const saturate = defineCorruption({
  title: 'Saturation',
  source: MEDMNIST_C,
  colourOnly: true,
  levels: [0.05, 0.1, 0.15, 0.17, 0.2],
  show: (more) => `S + ${more}`,
  apply: (image, more) => {
    if (image.channels === 1) return Uint8Array.from(image.data);
    const out = new Uint8ClampedArray(image.data.length);
    for (let at = 0; at < out.length; at += 3) saturatePixel(image.data, at, more, out);
    return new Uint8Array(out.buffer);
  },
});

function brighten(image: Pixels, factor: number): Uint8Array {
  return mapBytes(image, (value) => factor * value);
}

function meanLuma({ data, channels }: Pixels): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += channels)
    sum += channels === 1 ? data[at] : luma(data[at], data[at + 1], data[at + 2]);
  return (sum * channels) / data.length;
}

/**
 * Hue and value stay: in HSV a channel is V·(1 − S·k) with k its distance from the largest one, relative to that of the
 * smallest. Grey pixels have no hue; scikit-image gives them that of red, and so does this.
 */
function saturatePixel(data: Uint8Array, at: number, more: number, out: Uint8ClampedArray): void {
  const pixel = [data[at], data[at + 1], data[at + 2]];
  const value = Math.max(...pixel);
  const range = value - Math.min(...pixel);
  const saturation = Math.min(1, (value === 0 ? 0 : range / value) + more);
  pixel.forEach((byte, c) => {
    const distance = range === 0 ? Math.sign(c) : (value - byte) / range;
    out[at + c] = value * (1 - saturation * distance);
  });
}
