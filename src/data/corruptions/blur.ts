/**
 * Blur. Kernels are lists of shifts with weights, sampled bilinearly, so that they may lie between pixels; what stands
 * outside the image is its mirror image.
 */
import type { ImageShape } from '../image.ts';
import { mirrored } from '../warp.ts';
import { defineCorruption, MEDMNIST_C, PAPER_E, scaleOf, toBytes } from './corruption.ts';

/** A shift in pixels, to the right and down, and its share of the result. */
interface Tap {
  readonly x: number;
  readonly y: number;
  readonly weight: number;
}

export const gaussianBlur = defineCorruption({
  title: 'Gaussian blur',
  source: PAPER_E,
  levels: [0.5, 0.75, 1, 1.5, 2],
  show: (sigma) => `σ ${sigma} px`,
  apply: (image, sigma) => {
    const taps = gaussianTaps(sigma);
    const across = taps.map(({ at, weight }) => ({ x: at, y: 0, weight }));
    const down = taps.map(({ at, weight }) => ({ x: 0, y: at, weight }));
    return toBytes(convolve(convolve(image.data, image, across), image, down));
  },
});

export const defocusBlur = defineCorruption({
  title: 'Defocus',
  source: MEDMNIST_C,
  levels: [2, 3, 4, 5, 6],
  show: (radius) => `disk of radius ${radius} px of 224`,
  apply: (image, radius) => toBytes(convolve(image.data, image, diskTaps(radius * scaleOf(image)))),
});

export const motionBlur = defineCorruption({
  title: 'Motion',
  source: `${MEDMNIST_C}; one-sided Gaussian along a direction within 45° of the horizontal, as ImageMagick has it`,
  levels: [
    [3, 3],
    [5, 5],
    [10, 5],
    [10, 7],
    [10, 9],
  ],
  show: ([radius, sigma]) => `radius ${radius}, σ ${sigma} px of 224`,
  apply: (image, [radius, sigma], draw) => {
    const angle = (draw.uniform(-45, 45) * Math.PI) / 180;
    const scale = scaleOf(image);
    const taps = Array.from({ length: 2 * radius + 1 }, (_, i) => ({
      x: i * scale * Math.cos(angle),
      y: i * scale * Math.sin(angle),
      weight: Math.exp((-i * i) / (2 * sigma * sigma)),
    }));
    return toBytes(convolve(image.data, image, taps));
  },
});

/** One of two equal directions: a Gaussian is its product. */
function gaussianTaps(sigma: number): { at: number; weight: number }[] {
  const reach = Math.ceil(4 * sigma);
  return Array.from({ length: 2 * reach + 1 }, (_, i) => ({
    at: i - reach,
    weight: Math.exp(-((i - reach) ** 2) / (2 * sigma * sigma)),
  }));
}

/** Points of a grid of tenths of a pixel in the disk, each shared out among the four pixels around it. */
function diskTaps(radius: number): Tap[] {
  const fine = 10;
  const reach = Math.ceil(radius * fine);
  const taps = new Map<string, Tap>();
  for (let v = -reach; v <= reach; v++) {
    for (let u = -reach; u <= reach; u++) {
      if (u * u + v * v > (radius * fine) ** 2) continue;
      const [left, top] = [Math.floor(u / fine), Math.floor(v / fine)];
      for (const [dx, dy, share] of corners(u / fine - left, v / fine - top)) {
        const [x, y] = [left + dx, top + dy];
        taps.set(`${x} ${y}`, { x, y, weight: (taps.get(`${x} ${y}`)?.weight ?? 0) + share });
      }
    }
  }
  return [...taps.values()];
}

/** Values in the order of the pixels; weights are brought to a sum of 1. */
function convolve(
  values: ArrayLike<number>,
  { height, width, channels }: ImageShape,
  taps: readonly Tap[],
): Float64Array {
  const total = taps.reduce((sum, { weight }) => sum + weight, 0);
  const sums = new Float64Array(values.length);
  for (const { x: shiftX, y: shiftY, weight } of taps) {
    const left = Math.floor(shiftX);
    const top = Math.floor(shiftY);
    for (const [dx, dy, part] of corners(shiftX - left, shiftY - top)) {
      const share = (part * weight) / total;
      if (share === 0) continue;
      for (let y = 0; y < height; y++) {
        const row = mirrored(y + top + dy, height) * width;
        for (let x = 0; x < width; x++) {
          const from = (row + mirrored(x + left + dx, width)) * channels;
          const to = (y * width + x) * channels;
          for (let c = 0; c < channels; c++) sums[to + c] += share * values[from + c];
        }
      }
    }
  }
  return sums;
}

/** The four pixels around a point at (u, v) between them, with their shares. */
function corners(u: number, v: number): [dx: number, dy: number, share: number][] {
  return [
    [0, 0, (1 - u) * (1 - v)],
    [1, 0, u * (1 - v)],
    [0, 1, (1 - u) * v],
    [1, 1, u * v],
  ];
}
