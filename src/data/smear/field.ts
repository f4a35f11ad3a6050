/**
 * The field of view while it is being drawn: how much of each dye lies on each sample of a square grid. It
 * is finer than the image (`samplesPerPixel` a side), so that averaging at the end smooths edges. Dye planes
 * are f32 [side, side], rows first, in optical density of the dye's strongest channel. Lengths are
 * micrometres from the upper left corner.
 */
import type { Shape } from './shapes.ts';

/** Width of the field: a 200-pixel crop of the PBC images, in which a red cell of 7.5 µm has 72 pixels. */
export const FIELD_UM = 21;

/** From this many pixels a side on, the soft outlines alone are smooth enough; below it a pixel has four samples. */
const FINE_SIZE = 96;

/** Amounts of the dyes [haemoglobin, eosin, azure, violet]. */
export type Dyes = readonly [haemoglobin: number, eosin: number, azure: number, violet: number];

export interface Field {
  /** Pixels a side of the image. */
  readonly size: number;
  readonly samplesPerPixel: number;
  /** Samples a side. */
  readonly side: number;
  /** Distance between samples in micrometres. */
  readonly pitch: number;
  /** One plane for each of `Dyes`. */
  readonly dyes: readonly [Float32Array, Float32Array, Float32Array, Float32Array];
  /** Coverage by the nucleus and by the whole of the cell that the image is about, in [0, 1]. */
  readonly nucleus: Float32Array;
  readonly cell: Float32Array;
}

/** Fields by image size. Drawing is synchronous, so one of a size is enough, and memory stays flat. */
const fields = new Map<number, Field>();

/** A field without any dye. It is valid until the next one of the same size is asked for. */
export function emptyField(size: number): Field {
  const known = fields.get(size);
  if (known) {
    for (const plane of [...known.dyes, known.nucleus, known.cell]) plane.fill(0);
    return known;
  }
  const samplesPerPixel = size < FINE_SIZE ? 2 : 1;
  const side = size * samplesPerPixel;
  const plane = () => new Float32Array(side * side);
  const field: Field = {
    size,
    samplesPerPixel,
    side,
    pitch: FIELD_UM / side,
    dyes: [plane(), plane(), plane(), plane()],
    nucleus: plane(),
    cell: plane(),
  };
  fields.set(size, field);
  return field;
}

/** Where a cell lies in the field: its frame turned by `angle`, enlarged by `scale`, moved to (x, y). */
export interface Pose {
  x: number;
  y: number;
  angle: number;
  scale: number;
}

/**
 * Visits the samples that a shape covers.
 * @param visit gets the sample's index, its coverage in (0, 1], the signed distance to the outline, and its
 *   place in the cell's frame
 * @param softness width of the outline in micrometres; never less than a sample
 */
export function cover(
  field: Field,
  pose: Pose,
  shape: Shape,
  visit: (index: number, coverage: number, distance: number, x: number, y: number) => void,
  softness = 0,
): void {
  const { side, pitch } = field;
  const soft = Math.max(softness, pitch);
  const margin = shape.reach * pose.scale + soft;
  const cos = Math.cos(pose.angle) / pose.scale;
  const sin = Math.sin(pose.angle) / pose.scale;
  const firstRow = clampSample((pose.y - margin) / pitch, side);
  const lastRow = clampSample((pose.y + margin) / pitch + 1, side);
  const firstColumn = clampSample((pose.x - margin) / pitch, side);
  const lastColumn = clampSample((pose.x + margin) / pitch + 1, side);
  for (let row = firstRow; row < lastRow; row++) {
    const dy = (row + 0.5) * pitch - pose.y;
    for (let column = firstColumn; column < lastColumn; column++) {
      const dx = (column + 0.5) * pitch - pose.x;
      const x = dx * cos + dy * sin;
      const y = dy * cos - dx * sin;
      const distance = shape.distance(x, y);
      const coverage = 0.5 - (distance * pose.scale) / soft;
      if (coverage > 0) visit(row * side + column, Math.min(1, coverage), distance, x, y);
    }
  }
}

function clampSample(position: number, side: number): number {
  return Math.min(side, Math.max(0, Math.floor(position)));
}

/**
 * Adds a small round body, a granule, to the dye planes. One that is finer than a sample is drawn as wide as
 * a sample and fainter, so that it takes away the same light.
 * @param x, y, radius in micrometres of the field
 * @param saturation amount of violet that a granule does not raise any further
 */
export function stamp(
  field: Field,
  x: number,
  y: number,
  radius: number,
  amounts: Dyes,
  saturation: number,
): void {
  const { side, pitch } = field;
  const [haemoglobin, eosin, azure, violet] = field.dyes;
  const drawn = Math.max(radius, 0.6 * pitch);
  const strength = (radius / drawn) ** 2;
  const margin = drawn + pitch;
  const firstRow = clampSample((y - margin) / pitch, side);
  const lastRow = clampSample((y + margin) / pitch + 1, side);
  const firstColumn = clampSample((x - margin) / pitch, side);
  const lastColumn = clampSample((x + margin) / pitch + 1, side);
  for (let row = firstRow; row < lastRow; row++) {
    const dy = (row + 0.5) * pitch - y;
    for (let column = firstColumn; column < lastColumn; column++) {
      const dx = (column + 0.5) * pitch - x;
      const coverage = 0.5 + (drawn - Math.sqrt(dx * dx + dy * dy)) / pitch;
      if (coverage <= 0) continue;
      const share = strength * Math.min(1, coverage);
      const index = row * side + column;
      haemoglobin[index] += share * amounts[0];
      eosin[index] += share * amounts[1];
      azure[index] += share * amounts[2];
      if (violet[index] < saturation)
        violet[index] = Math.min(saturation, violet[index] + share * amounts[3]);
    }
  }
}

/** Pixels at least half covered: u8 [size, size] of 0 and 1. */
export function covered({ size, samplesPerPixel: n, side }: Field, coverage: Float32Array): Uint8Array {
  const mask = new Uint8Array(size * size);
  for (let pixel = 0; pixel < mask.length; pixel++) {
    const corner = Math.floor(pixel / size) * n * side + (pixel % size) * n;
    let sum = 0;
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < n; column++) sum += coverage[corner + row * side + column];
    }
    mask[pixel] = sum >= 0.5 * n * n ? 1 : 0;
  }
  return mask;
}
