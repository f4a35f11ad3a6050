/**
 * From dyes to colours. Light is absorbed by the dyes after Beer and Lambert: each dye has an optical density
 * in red, green and blue; densities add, light multiplies. The colours are those of May-Grünwald-Giemsa on the
 * analyser of the PBC images. Batches of stain, lamps and cameras differ, and they do so for all cell types
 * alike, so colour alone does not tell the type.
 */
import type { Random } from '../../random.ts';
import type { Field } from './field.ts';

/** Optical density of one unit of each dye in red, green, blue. */
const ABSORPTION = {
  haemoglobin: [0.67, 1.0, 0.6],
  eosin: [0.36, 1.0, 0.66],
  azure: [1.0, 0.86, 0.22],
  violet: [0.58, 1.0, 0.24],
} as const;

/** Empty background as the analyser's camera shows it, and as a bluer, unbalanced camera does. */
const PEACH = [254, 229, 204] as const;
const LAVENDER = [233, 230, 243] as const;

/** How one slide was stained, lit and photographed. */
export interface Slide {
  /** Optical densities of the four dyes, three channels each. */
  absorption: Float64Array;
  /** Background in grey levels. */
  light: readonly [number, number, number];
  /** Relative change of light from the left to the right edge, and from top to bottom. */
  gradientX: number;
  gradientY: number;
  /** Standard deviation of the defocus in shares of the field's width. */
  blur: number;
  /** Half-width of the sensor noise in grey levels. */
  noise: number;
  noiseSeed: number;
}

/**
 * Draws a slide.
 * @param variation 0 keeps every slide alike; 1 spreads them as the real ones are spread, and somewhat more
 */
export function drawSlide(rng: Random, variation: number): Slide {
  const spread = (sigma: number) => Math.exp(sigma * variation * rng.normal());
  const strength = spread(0.14);
  const absorption = new Float64Array(12);
  Object.values(ABSORPTION).forEach((density, dye) => {
    const amount = strength * spread(0.12);
    density.forEach((value, channel) => {
      absorption[dye * 3 + channel] = value * amount * spread(0.05);
    });
  });
  const otherCamera = rng.uniform() < 0.08 * variation ? rng.uniform(0.5, 1) : 0;
  const tint = otherCamera + variation * rng.uniform(0, 0.1);
  const exposure = 1 - variation * Math.abs(0.02 * rng.normal());
  const light = PEACH.map((value, channel) => {
    const mixed = value + (LAVENDER[channel] - value) * Math.min(1, tint);
    return mixed * exposure * Math.exp(0.008 * variation * rng.normal());
  });
  const defocused = rng.uniform() < 0.1 * variation;
  return {
    absorption,
    light: [light[0], light[1], light[2]],
    gradientX: 0.04 * variation * rng.normal(),
    gradientY: 0.04 * variation * rng.normal(),
    blur:
      (otherCamera ? 0.01 : 0.002) +
      variation * (defocused ? rng.uniform(0.005, 0.013) : rng.uniform(0, 0.003)),
    noise: 1 + variation * rng.uniform(0, 5),
    noiseSeed: rng.int(0x7fffffff) + 1,
  };
}

/** The photograph: u8 [size, size, 3]. */
export function develop(field: Field, slide: Slide): Uint8Array {
  const { size } = field;
  const planes = slide.light.map((_, channel) =>
    blurred(transmit(field, slide, channel), size, slide.blur * size),
  );
  const image = new Uint8Array(size * size * 3);
  const grain = noise(slide.noiseSeed);
  for (let row = 0, value = 0, pixel = 0; row < size; row++) {
    const vertical = 1 + slide.gradientY * ((row + 0.5) / size - 0.5);
    for (let column = 0; column < size; column++, pixel++) {
      const lit = vertical + slide.gradientX * ((column + 0.5) / size - 0.5);
      for (let channel = 0; channel < 3; channel++, value++) {
        const level = planes[channel][pixel] * lit + slide.noise * grain();
        image[value] = level > 254.5 ? 255 : level < 0 ? 0 : level + 0.5;
      }
    }
  }
  return image;
}

/** Light in one channel that is left after the dyes, averaged over each pixel: grey levels [size, size]. */
function transmit(field: Field, { absorption, light }: Slide, channel: number): Float32Array {
  const { size, samplesPerPixel: n, side } = field;
  const [haemoglobin, eosin, azure, violet] = field.dyes;
  const [h, e, a, v] = [0, 3, 6, 9].map((dye) => absorption[dye + channel]);
  const full = light[channel] / (n * n);
  const plane = new Float32Array(size * size);
  for (let row = 0, i = 0; row < side; row++) {
    const start = Math.floor(row / n) * size;
    for (let column = 0; column < side; column++, i++) {
      const density = h * haemoglobin[i] + e * eosin[i] + a * azure[i] + v * violet[i];
      plane[start + Math.floor(column / n)] += full * transmission(density);
    }
  }
  return plane;
}

/** Steps of optical density in `TRANSMISSION`, which ends where nothing is left of 8-bit light. */
const STEP = 1 / 256;
const TRANSMISSION = Float32Array.from({ length: 8 / STEP + 2 }, (_, k) => Math.exp(-k * STEP));

/** exp(−density) from a table, to 2e-6: the exponential would be a third of the drawing time. */
function transmission(density: number): number {
  if (density === 0) return 1;
  const position = Math.min(8, density) / STEP;
  const index = Math.floor(position);
  const below = TRANSMISSION[index];
  return below + (position - index) * (TRANSMISSION[index + 1] - below);
}

/** Gaussian blur, rows and then columns; edges repeat their last pixel. Below a tenth of a pixel: none. */
function blurred(plane: Float32Array, size: number, sigma: number): Float32Array {
  if (sigma < 0.1) return plane;
  const radius = Math.min(size - 1, Math.ceil(2.5 * sigma));
  const kernel = new Float32Array(2 * radius + 1);
  let total = 0;
  for (let k = -radius; k <= radius; k++) total += kernel[k + radius] = Math.exp(-0.5 * (k / sigma) ** 2);
  for (let k = 0; k < kernel.length; k++) kernel[k] /= total;
  return filter(filter(plane, size, kernel, 1, size), size, kernel, size, 1);
}

/** Convolves along the axis whose neighbours are `step` apart; lines are `line` apart. */
function filter(plane: Float32Array, size: number, kernel: Float32Array, step: number, line: number) {
  const radius = (kernel.length - 1) / 2;
  const result = new Float32Array(plane.length);
  for (let start = 0; start < size * line; start += line) {
    for (let position = 0; position < size; position++) {
      let sum = 0;
      for (let k = -radius; k <= radius; k++) {
        const at = Math.min(size - 1, Math.max(0, position + k));
        sum += kernel[k + radius] * plane[start + at * step];
      }
      result[start + position * step] = sum;
    }
  }
  return result;
}

/** Sensor noise in (-1, 1), triangular: a 32-bit xorshift (Marsaglia 2003), since every pixel needs three. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state & 0xffff) - (state >>> 16)) / 65536;
  };
}
