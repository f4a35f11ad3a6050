/**
 * What goes wrong on a slide: stain that has settled, and bubbles under the cover slip. Numbers and sizes are those of
 * MedMNIST-C; its stains are scanned blots, ours are drawn.
 */
import type { Random } from '../../random.ts';
import type { Pixels } from '../image.ts';
import { defineCorruption, MEDMNIST_C, scaleOf } from './corruption.ts';

export const stainDeposit = defineCorruption({
  title: 'Stain deposit',
  source: `${MEDMNIST_C}, blots of our own`,
  levels: [
    { most: 1, radius: 10 },
    { most: 2, radius: 13 },
    { most: 3, radius: 16 },
    { most: 3, radius: 20 },
    { most: 3, radius: 25 },
  ],
  show: ({ most, radius }) => `up to ${most} of about ${radius} px of 224`,
  apply: (image, { most, radius }, draw) => {
    const count = 1 + draw.int(most);
    const blots = Array.from({ length: count }, () => blot(image, radius * scaleOf(image), draw));
    return paint(image, 0, (x, y) => blots.reduce((cover, ink) => Math.max(cover, ink(x, y)), 0));
  },
});

export const bubble = defineCorruption({
  title: 'Bubbles',
  source: MEDMNIST_C,
  levels: [
    [5, 10],
    [7, 10],
    [10, 10],
    [12, 12],
    [15, 12],
  ],
  show: ([radius, most]) => `7 to ${most}, radius 3 to ${radius} px of 224`,
  apply: (image, [largest, most], draw) => {
    const scale = scaleOf(image);
    const rim = 2 * scale;
    const bubbles = Array.from({ length: 7 + draw.int(most - 6) }, () => {
      const radius = draw.uniform(3, largest) * scale;
      return {
        radius,
        x: draw.uniform(radius, image.width - radius),
        y: draw.uniform(radius, image.height - radius),
      };
    });
    // White, 100/255 opaque inside and 130/255 at the rim; a later one hides those before it.
    return paint(image, 255, (x, y) => {
      let cover = 0;
      for (const { radius, ...centre } of bubbles) {
        const distance = Math.hypot(x - centre.x, y - centre.y);
        const inside = edge(radius - distance);
        const outside = edge(radius + rim - distance);
        cover = cover * (1 - outside) + (130 / 255) * (outside - inside) + (100 / 255) * inside;
      }
      return cover;
    });
  },
});

/** How much of a pixel lies on the near side of an edge that is `depth` pixels from its centre. */
function edge(depth: number): number {
  return Math.min(1, Math.max(0, depth + 0.5));
}

/** A dark spot with a wavy outline at a random place: its cover at a point. */
function blot({ height, width }: Pixels, radius: number, draw: Random): (x: number, y: number) => number {
  const centre = { x: draw.uniform(radius, width - radius), y: draw.uniform(radius, height - radius) };
  const waves = [2, 3, 5, 8].map((times) => ({
    times,
    height: draw.uniform(0, 0.5 / times),
    phase: draw.uniform(0, 2 * Math.PI),
  }));
  const dark = draw.uniform(0.8, 1);
  return (x, y) => {
    const angle = Math.atan2(y - centre.y, x - centre.x);
    const outline = waves.reduce(
      (sum, wave) => sum + wave.height * Math.sin(wave.times * angle + wave.phase),
      1,
    );
    return dark * edge(radius * outline - Math.hypot(x - centre.x, y - centre.y));
  };
}

/** Mixes a grey value into each pixel, by its cover in [0, 1]. Pixel centres stand at halves. */
function paint(
  { data, height, width, channels }: Pixels,
  grey: number,
  cover: (x: number, y: number) => number,
): Uint8Array {
  const out = new Uint8ClampedArray(data);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += channels) {
      const share = cover(x + 0.5, y + 0.5);
      if (share > 0) for (let c = at; c < at + channels; c++) out[c] = data[c] + share * (grey - data[c]);
    }
  }
  return new Uint8Array(out.buffer);
}
