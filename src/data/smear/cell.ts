/**
 * A cell as the planners describe it, and how it is laid onto the field. Lengths are micrometres in the
 * cell's own frame (centre at the origin); dye amounts are optical densities as in `field.ts`. The order is:
 * cytoplasm (which pushes aside what lay there), vacuoles, nucleus, granules.
 */
import type { Random } from '../../random.ts';
import { cover, type Dyes, type Field, type Pose, stamp } from './field.ts';
import { smoothstep, type Texture, texture } from './noise.ts';
import type { Shape } from './shapes.ts';

interface Cytoplasm {
  dyes: Dyes;
  /** Relative unevenness of the colour, and the grain of it in micrometres. */
  mottle: number;
  grain: number;
  /** Relative gain in density at the outline: the deeper blue rim of lymphocytes and monocytes. */
  rim: number;
  /** Pale Golgi field beside the nucleus. */
  hof?: { x: number; y: number; radius: number; strength: number };
  /** Width of the outline in micrometres. */
  softness?: number;
}

interface Chromatin {
  /** Density of the condensed chromatin. */
  density: number;
  /** Share of the density that is missing in the pale gaps, in [0, 1]. */
  contrast: number;
  /** Grain of the gaps in micrometres. */
  grain: number;
  /** Share of the area that is condensed, about 0.4 (lacy) to 0.8 (clumped). */
  condensed: number;
  /** Relative gain in density at the nuclear membrane. */
  rim: number;
}

export interface Granule {
  x: number;
  y: number;
  radius: number;
  dyes: Dyes;
}

export interface Cell {
  outline: Shape;
  cytoplasm: Cytoplasm;
  /** The nucleus; of a platelet, which has none, the granulomere. */
  nucleus: Shape;
  chromatin: Chromatin;
  granules: readonly Granule[];
  vacuoles: readonly Shape[];
}

/** Lays a cell onto the field; the one that the image is about (`main`) has its coverage recorded. */
export function paintCell(field: Field, cell: Cell, pose: Pose, rng: Random, main = false): void {
  paintCytoplasm(field, cell, pose, rng, main);
  for (const vacuole of cell.vacuoles) {
    cover(field, pose, vacuole, (i, share) => fade(field, i, 1 - 0.8 * share), 0.15);
  }
  paintNucleus(field, cell, pose, rng, main);
  const cos = Math.cos(pose.angle) * pose.scale;
  const sin = Math.sin(pose.angle) * pose.scale;
  // Chromatin under granules is hardly darker than chromatin alone.
  const saturation = cell.chromatin.density * 1.1 + 0.3;
  for (const { x, y, radius, dyes } of cell.granules) {
    const fieldX = pose.x + x * cos - y * sin;
    const fieldY = pose.y + y * cos + x * sin;
    stamp(field, fieldX, fieldY, radius * pose.scale, dyes, saturation);
  }
}

function paintCytoplasm(field: Field, cell: Cell, pose: Pose, rng: Random, main = false): void {
  const { dyes, mottle, grain, rim, hof, softness } = cell.cytoplasm;
  const [haemoglobin, eosin, azure, violet] = field.dyes;
  const pattern = texture(rng, grain);
  const visit = (i: number, share: number, distance: number, x: number, y: number) => {
    let density = 1 + mottle * (2 * pattern(x, y) - 1) + rim * (1 - smoothstep(0, 0.8, -distance));
    if (hof) {
      const away = Math.sqrt((x - hof.x) ** 2 + (y - hof.y) ** 2) / hof.radius;
      if (away < 1) density *= 1 - hof.strength * (1 - away * away);
    }
    haemoglobin[i] += share * (dyes[0] * density - haemoglobin[i]);
    eosin[i] += share * (dyes[1] * density - eosin[i]);
    azure[i] += share * (dyes[2] * density - azure[i]);
    violet[i] += share * (dyes[3] * density - violet[i]);
    if (main) field.cell[i] = share;
  };
  cover(field, pose, cell.outline, visit, softness);
}

function paintNucleus(field: Field, cell: Cell, pose: Pose, rng: Random, main = false): void {
  const [haemoglobin, eosin, azure, violet] = field.dyes;
  const chromatin = chromatinDensity(rng, cell.chromatin);
  const { density, rim } = cell.chromatin;
  cover(
    field,
    pose,
    cell.nucleus,
    (i, share, distance, x, y) => {
      const edge = (0.1 + rim) * density * (1 - smoothstep(0.15, 0.55, -distance));
      const amount = chromatin(x, y);
      haemoglobin[i] *= 1 - share;
      // The gaps in the net show the pink nuclear sap.
      eosin[i] += share * (0.18 * (density - amount) - eosin[i]);
      azure[i] *= 1 - 0.7 * share;
      violet[i] += share * (amount + edge - violet[i]);
      if (main) field.nucleus[i] = Math.min(share, field.cell[i]);
    },
    0.12,
  );
}

/** Density of the chromatin net: dark clumps of two sizes with pale gaps between them. */
function chromatinDensity(rng: Random, { density, contrast, grain, condensed }: Chromatin): Texture {
  const coarse = texture(rng, grain);
  const fine = texture(rng, grain * 0.55);
  const cloud = texture(rng, grain * 4);
  // Two octaves of the noise spread about their mean of one half with a standard deviation near 0.17.
  const threshold = 0.5 + 0.36 * (condensed - 0.5);
  return (x, y) => {
    const gap = smoothstep(threshold - 0.1, threshold + 0.14, 0.5 * coarse(x, y) + 0.5 * fine(x, y));
    return density * (1 - contrast * gap) * (0.9 + 0.2 * cloud(x, y));
  };
}

function fade(field: Field, index: number, factor: number): void {
  for (const plane of field.dyes) plane[index] *= factor;
}
