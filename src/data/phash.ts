/**
 * Perceptual hash of an image: 63 bits that small changes (re-encoding, a little brightness, rescaling) hardly
 * alter. Luma, averaged down to 32×32, goes through a two-dimensional DCT-II; each of the 63 lowest
 * coefficients but the mean gives a bit, set where it exceeds their median (Zauner 2010, "pHash").
 * It proposes candidates; whether two images are nearly the same is decided on their pixels.
 */
import { type ImageShape, luma } from './image.ts';

const SIDE = 32;
const LOW = 8;
/** Side of the grey thumbnail that is kept for a first comparison of pixels. */
const THUMB_SIDE = 16;
export const THUMB_BYTES = THUMB_SIDE * THUMB_SIDE;

export interface PerceptualHash {
  readonly high: number;
  readonly low: number;
}

/** Makes a hasher for images of one shape; its buffers are reused from call to call. */
export function perceptualHasher(shape: ImageShape) {
  const columns = areaWeights(shape.width, SIDE);
  const rows = areaWeights(shape.height, SIDE);
  const grid = new Float64Array(SIDE * SIDE);
  const line = new Float64Array(shape.width);
  const half = new Float64Array(LOW * SIDE);
  const coefficients = new Float64Array(LOW * LOW);

  /**
   * @param pixels height × width × channels bytes
   * @param thumb receives THUMB_BYTES of grey, each the mean of its part of the image
   */
  return (pixels: Uint8Array, thumb: Uint8Array): PerceptualHash => {
    shrink(pixels, shape, rows, columns, line, grid);
    for (let y = 0; y < THUMB_SIDE; y++) {
      for (let x = 0; x < THUMB_SIDE; x++) {
        const at = 2 * y * SIDE + 2 * x;
        thumb[y * THUMB_SIDE + x] =
          (grid[at] + grid[at + 1] + grid[at + SIDE] + grid[at + SIDE + 1]) / 4 + 0.5;
      }
    }
    lowDct(grid, half, coefficients);
    return bitsAboveMedian(coefficients);
  };
}

/** Number of bits in which two hashes differ. */
export function hammingDistance(highA: number, lowA: number, highB: number, lowB: number): number {
  return popcount(highA ^ highB) + popcount(lowA ^ lowB);
}

function popcount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

interface AreaWeight {
  readonly from: number;
  readonly weights: Float64Array;
}

/** For each of `cells` equal parts of a line of `length` pixels: the pixels under it and their shares. */
function areaWeights(length: number, cells: number): AreaWeight[] {
  return Array.from({ length: cells }, (_, cell) => {
    const start = (cell * length) / cells;
    const end = ((cell + 1) * length) / cells;
    const from = Math.floor(start);
    const to = Math.min(length, Math.ceil(end - 1e-9));
    const weights = new Float64Array(to - from);
    for (let i = from; i < to; i++) {
      weights[i - from] = (Math.min(end, i + 1) - Math.max(start, i)) / (end - start);
    }
    return { from, weights };
  });
}

function shrink(
  pixels: Uint8Array,
  { width, channels }: ImageShape,
  rows: readonly AreaWeight[],
  columns: readonly AreaWeight[],
  line: Float64Array,
  grid: Float64Array,
): void {
  for (let y = 0; y < SIDE; y++) {
    line.fill(0);
    const { from, weights } = rows[y];
    for (let k = 0; k < weights.length; k++) {
      const weight = weights[k];
      let at = (from + k) * width * channels;
      for (let x = 0; x < width; x++, at += channels) {
        const grey = channels === 1 ? pixels[at] : luma(pixels[at], pixels[at + 1], pixels[at + 2]);
        line[x] += weight * grey;
      }
    }
    for (let x = 0; x < SIDE; x++) {
      const column = columns[x];
      let sum = 0;
      for (let k = 0; k < column.weights.length; k++) sum += column.weights[k] * line[column.from + k];
      grid[y * SIDE + x] = sum;
    }
  }
}

const COSINES = Float64Array.from({ length: LOW * SIDE }, (_, i) => {
  const frequency = Math.floor(i / SIDE);
  return Math.cos((Math.PI * frequency * ((i % SIDE) + 0.5)) / SIDE);
});

/** The 8×8 lowest coefficients of the DCT-II of the grid, up to a constant factor. */
function lowDct(grid: Float64Array, half: Float64Array, out: Float64Array): void {
  for (let v = 0; v < LOW; v++) {
    for (let x = 0; x < SIDE; x++) {
      let sum = 0;
      for (let y = 0; y < SIDE; y++) sum += COSINES[v * SIDE + y] * grid[y * SIDE + x];
      half[v * SIDE + x] = sum;
    }
  }
  for (let v = 0; v < LOW; v++) {
    for (let u = 0; u < LOW; u++) {
      let sum = 0;
      for (let x = 0; x < SIDE; x++) sum += COSINES[u * SIDE + x] * half[v * SIDE + x];
      out[v * LOW + u] = sum;
    }
  }
}

function bitsAboveMedian(coefficients: Float64Array): PerceptualHash {
  // Coefficient 0 is the mean brightness: no structure, and always the largest.
  const median = coefficients.slice(1).sort()[(LOW * LOW - 2) >> 1];
  let high = 0;
  let low = 0;
  for (let i = 1; i < LOW * LOW; i++) {
    if (coefficients[i] <= median) continue;
    if (i < 32) low |= 1 << i;
    else high |= 1 << (i - 32);
  }
  return { high, low };
}
