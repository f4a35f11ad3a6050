/**
 * Value noise: random numbers on a square lattice, joined smoothly. It gives chromatin its net, cytoplasm
 * its mottling and outlines their unevenness. The lattice is one fixed table; a texture is a window into it,
 * placed by the image's own generator, so a texture belongs to the cell and not to the pixel grid and looks
 * the same at every image size.
 */
import { type Random, random } from '../../random.ts';

/** Side of the lattice, a power of two; the noise repeats after so many grains. */
const SIDE = 128;
const WRAP = SIDE - 1;

const lattice = (() => {
  const rng = random(0, 'smear lattice');
  return Float32Array.from({ length: SIDE * SIDE }, () => rng.uniform());
})();

/** A texture: a number in [0, 1] for each point, varying over about one grain. */
export type Texture = (x: number, y: number) => number;

/**
 * A texture of its own.
 * @param rng places the window
 * @param grain size of a feature, in the unit of the coordinates (micrometres here)
 */
export function texture(rng: Random, grain: number): Texture {
  const scale = 1 / grain;
  const offsetX = rng.uniform(0, SIDE);
  const offsetY = rng.uniform(0, SIDE);
  return (x, y) => valueNoise(x * scale + offsetX, y * scale + offsetY);
}

function valueNoise(x: number, y: number): number {
  const column = Math.floor(x);
  const row = Math.floor(y);
  const u = smooth(x - column);
  const v = smooth(y - row);
  const left = column & WRAP;
  const right = (column + 1) & WRAP;
  const top = (row & WRAP) * SIDE;
  const bottom = ((row + 1) & WRAP) * SIDE;
  const above = lattice[top + left] + u * (lattice[top + right] - lattice[top + left]);
  const below = lattice[bottom + left] + u * (lattice[bottom + right] - lattice[bottom + left]);
  return above + v * (below - above);
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}

/** 0 below `low`, 1 above `high`, an S-curve between. */
export function smoothstep(low: number, high: number, value: number): number {
  return smooth(Math.min(1, Math.max(0, (value - low) / (high - low))));
}
