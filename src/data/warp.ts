/**
 * Geometric change of an image by one affine map with bilinear sampling. Pixel centres stand at whole
 * coordinates, the map goes from output to input: flips, quarter turns of a square and shifts by whole pixels
 * are exact, to the bit.
 */
import type { ImageShape } from './image.ts';
import type { ValueTable } from './planar.ts';

/**
 * What stands outside the image: `nearest` repeats the edge pixel (aaa|abcd|ddd), `reflect` mirrors at the edge
 * (cba|abcd|dcb), `constant` is one value.
 */
export type Fill = 'nearest' | 'reflect' | 'constant';

/** Input x = xx · x + xy · y + x0 and input y = yx · x + yy · y + y0 of the output pixel (x, y). */
export interface AffineMap {
  readonly xx: number;
  readonly xy: number;
  readonly x0: number;
  readonly yx: number;
  readonly yy: number;
  readonly y0: number;
}

/** Changes as they show in the output, done in this order about the centre of the image. */
export interface Placement {
  readonly flipHorizontal: boolean;
  readonly flipVertical: boolean;
  /** Counter-clockwise. */
  readonly degrees: number;
  /** Above 1 magnifies. */
  readonly zoom: number;
  /** Pixels to the right and down. */
  readonly shiftX: number;
  readonly shiftY: number;
}

/** Composes flip, rotation, zoom and shift into one map. */
export function affineMap({ height, width }: ImageShape, placement: Placement): AffineMap {
  const { flipHorizontal, flipVertical, degrees, zoom, shiftX, shiftY } = placement;
  const [cos, sin] = exactCosSin(degrees);
  const signX = flipHorizontal ? -1 : 1;
  const signY = flipVertical ? -1 : 1;
  const centreX = (width - 1) / 2;
  const centreY = (height - 1) / 2;
  const xx = (signX * cos) / zoom;
  const xy = (-signX * sin) / zoom;
  const yx = (signY * sin) / zoom;
  const yy = (signY * cos) / zoom;
  return {
    xx,
    xy,
    x0: centreX - xx * (centreX + shiftX) - xy * (centreY + shiftY),
    yx,
    yy,
    y0: centreY - yx * (centreX + shiftX) - yy * (centreY + shiftY),
  };
}

/** Cosine and sine in degrees, without rounding error at quarter turns. */
function exactCosSin(degrees: number): [number, number] {
  const quarters = degrees / 90;
  if (Number.isInteger(quarters)) {
    const turn = ((quarters % 4) + 4) % 4;
    return [[1, 0, -1, 0][turn], [0, 1, 0, -1][turn]];
  }
  const radians = (degrees * Math.PI) / 180;
  return [Math.cos(radians), Math.sin(radians)];
}

export interface WarpTarget {
  /** What the bytes stand for; interpolation is between these values. */
  readonly table: ValueTable;
  readonly fill: Fill;
  /** For `constant`: 0 (black) to 1 (white). */
  readonly fillValue: number;
  readonly out: Float32Array;
  /** Element of `out` at which the image begins. */
  readonly offset: number;
}

/** Samples a planar image (CHW bytes) through a map into planar values (CHW). */
export function warp(planes: Uint8Array, shape: ImageShape, map: AffineMap, target: WarpTarget): void {
  const { height, width } = shape;
  const { table, out, offset } = target;
  const area = height * width;
  const { xx, xy, x0, yx, yy, y0 } = map;
  for (let y = 0, to = offset; y < height; y++) {
    for (let x = 0; x < width; x++, to++) {
      const sourceX = xx * x + xy * y + x0;
      const sourceY = yx * x + yy * y + y0;
      // Truncation is the floor here only for coordinates of 0 and above: the others go to the edge.
      const left = sourceX | 0;
      const top = sourceY | 0;
      if (!(sourceX >= 0 && sourceY >= 0 && left + 1 < width && top + 1 < height)) {
        sampleEdge(planes, shape, target, sourceX, sourceY, to);
        continue;
      }
      const u = sourceX - left;
      const v = sourceY - top;
      let at = top * width + left;
      for (let base = 0, value = to; base < table.length; base += 256, at += area, value += area) {
        const a = table[base + planes[at]];
        const c = table[base + planes[at + width]];
        const upper = a + (table[base + planes[at + 1]] - a) * u;
        const lower = c + (table[base + planes[at + width + 1]] - c) * u;
        out[value] = upper + (lower - upper) * v;
      }
    }
  }
}

/** One pixel of which at least one of the four neighbours may lie outside the image. */
function sampleEdge(
  planes: Uint8Array,
  { height, width, channels }: ImageShape,
  { table, fill, fillValue, out }: WarpTarget,
  sourceX: number,
  sourceY: number,
  to: number,
): void {
  const area = height * width;
  const left = Math.floor(sourceX);
  const top = Math.floor(sourceY);
  const u = sourceX - left;
  const v = sourceY - top;
  const column = within(left, width, fill);
  const nextColumn = within(left + 1, width, fill);
  const row = within(top, height, fill);
  const nextRow = within(top + 1, height, fill);
  for (let channel = 0; channel < channels; channel++) {
    const base = channel << 8;
    const plane = channel * area;
    const black = table[base];
    const outside = black + (table[base + 255] - black) * fillValue;
    const a = column < 0 || row < 0 ? outside : table[base + planes[plane + row * width + column]];
    const b = nextColumn < 0 || row < 0 ? outside : table[base + planes[plane + row * width + nextColumn]];
    const c = column < 0 || nextRow < 0 ? outside : table[base + planes[plane + nextRow * width + column]];
    const d =
      nextColumn < 0 || nextRow < 0 ? outside : table[base + planes[plane + nextRow * width + nextColumn]];
    const upper = a + (b - a) * u;
    const lower = c + (d - c) * u;
    out[to + plane] = upper + (lower - upper) * v;
  }
}

/** Coordinate brought into [0, length) as the fill says; −1 for the constant outside. */
function within(at: number, length: number, fill: Fill): number {
  if (at >= 0 && at < length) return at;
  if (fill === 'constant') return -1;
  return fill === 'nearest' ? (at < 0 ? 0 : length - 1) : mirrored(at, length);
}

/** Coordinate in [0, length), mirrored at the edge (cba|abcd|dcb) as often as it takes. */
export function mirrored(at: number, length: number): number {
  const period = 2 * length;
  const folded = ((at % period) + period) % period;
  return folded < length ? folded : period - 1 - folded;
}
