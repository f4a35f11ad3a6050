/**
 * What an image looks like in 48 numbers that do not change when it is turned or mirrored: how bright and coloured it is,
 * by quantiles and in rings around its middle, and how sharp. No network is asked, so images of all folds are comparable,
 * and what a network has learnt to overlook still counts. It finds what is unlike the rest (out of focus, empty, badly
 * stained, another staining), not what a cell is.
 */
import { forEachConcurrently } from './concurrent.ts';
import type { ImageSource } from './dataset.ts';
import { type ImageShape, imageBytes } from './image.ts';

const QUANTILES = 10;
const RINGS = 5;
const READS = 4;

/** Numbers for each channel: quantiles, rings, sharpness. Grey images have those of one channel. */
const PER_CHANNEL = QUANTILES + RINGS + 1;

export interface Appearances {
  /** Numbers for each image. */
  readonly size: number;
  /** Images × size, each number standardised: mean 0, deviation 1 over the images. */
  readonly values: Float32Array;
}

/** Reads every image once. */
export async function appearancesOf(source: ImageSource, shape: ImageShape): Promise<Appearances> {
  const size = PER_CHANNEL * shape.channels;
  const values = new Float32Array(source.length * size);
  const describe = describer(shape);
  await forEachConcurrently(source.length, READS, async (i) => {
    const pixels = new Uint8Array(imageBytes(shape));
    await source.read(i, pixels);
    describe(pixels, values.subarray(i * size, (i + 1) * size));
  });
  standardise(values, size);
  return { size, values };
}

function describer({ height, width, channels }: ImageShape) {
  const area = height * width;
  const ringOf = new Uint8Array(area);
  const ringSizes = new Float64Array(RINGS);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const radius = Math.hypot((2 * (y + 0.5)) / height - 1, (2 * (x + 0.5)) / width - 1) / Math.SQRT2;
      const ring = Math.min(RINGS - 1, Math.floor(radius * RINGS));
      ringOf[y * width + x] = ring;
      ringSizes[ring]++;
    }
  const histogram = new Float64Array(256);
  const sums = new Float64Array(RINGS);
  return (pixels: Uint8Array, out: Float32Array): void => {
    for (let channel = 0; channel < channels; channel++) {
      histogram.fill(0);
      sums.fill(0);
      let sharpness = 0;
      for (let i = 0; i < area; i++) {
        const value = pixels[i * channels + channel];
        histogram[value]++;
        sums[ringOf[i]] += value;
        if (i % width > 0) sharpness += Math.abs(value - pixels[(i - 1) * channels + channel]);
        if (i >= width) sharpness += Math.abs(value - pixels[(i - width) * channels + channel]);
      }
      const at = channel * PER_CHANNEL;
      quantiles(histogram, area, out.subarray(at, at + QUANTILES));
      for (let ring = 0; ring < RINGS; ring++)
        out[at + QUANTILES + ring] = ringSizes[ring] > 0 ? sums[ring] / ringSizes[ring] : 0;
      out[at + QUANTILES + RINGS] = Math.log(1 + sharpness / area);
    }
  };
}

/** Grey levels below which 5, 15, … 95 % of the pixels lie. */
function quantiles(histogram: Float64Array, count: number, out: Float32Array): void {
  let level = 0;
  let below = histogram[0];
  for (let q = 0; q < QUANTILES; q++) {
    while (below < ((q + 0.5) / QUANTILES) * count) below += histogram[++level];
    out[q] = level;
  }
}

function standardise(values: Float32Array, size: number): void {
  const images = values.length / size;
  for (let k = 0; k < size; k++) {
    let sum = 0;
    let squares = 0;
    for (let i = k; i < values.length; i += size) {
      sum += values[i];
      squares += values[i] ** 2;
    }
    const mean = sum / images;
    const deviation = Math.sqrt(Math.max(0, squares / images - mean ** 2));
    for (let i = k; i < values.length; i += size)
      values[i] = deviation > 1e-6 ? (values[i] - mean) / deviation : 0;
  }
}
