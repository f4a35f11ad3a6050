/**
 * Heat maps: rows of numbers over an image, the hotter the larger. Brought to [0, 1], and to the size of the image.
 */
import { mismatch } from '../errors.ts';

export interface HeatMap {
  readonly height: number;
  readonly width: number;
  /** height × width, row by row. */
  readonly values: Float32Array;
}

/** One map of several that lie behind each other, as an engine gives them: [maps, height, width]. */
export function mapAt(data: ArrayLike<number>, index: number, height: number, width: number): HeatMap {
  const area = height * width;
  return {
    height,
    width,
    values: Float32Array.from({ length: area }, (_, i) => data[index * area + i]),
  };
}

/** The sum of maps of one size. */
export function sumOfMaps(maps: readonly HeatMap[]): HeatMap {
  const [{ height, width }] = maps;
  const values = new Float32Array(height * width);
  for (const map of maps) for (let i = 0; i < values.length; i++) values[i] += map.values[i];
  return { height, width, values };
}

/** Only what speaks for: negative values become 0. */
export function rectified({ height, width, values }: HeatMap): HeatMap {
  return { height, width, values: values.map((x) => Math.max(x, 0)) };
}

/** Smallest and largest value. */
export function extent({ values }: HeatMap): { low: number; high: number } {
  let [low, high] = [Infinity, -Infinity];
  for (const x of values) {
    low = Math.min(low, x);
    high = Math.max(high, x);
  }
  return { low, high };
}

function scaled(map: HeatMap, offset: number, range: number): HeatMap {
  const { height, width, values } = map;
  return { height, width, values: values.map((x) => (range === 0 ? 0 : (x - offset) / range)) };
}

/** How a map is brought to [0, 1]. A map that is the same everywhere becomes 0. */
export const NORMALIZATIONS = {
  /** Divided by the maximum: 0 stays 0. A map without a positive value becomes 0. */
  max: (map: HeatMap) => {
    const { high } = extent(map);
    return high > 0 ? scaled(map, 0, high) : scaled(map, 0, 0);
  },
  /** The smallest value becomes 0, the largest 1. */
  'min-max': (map: HeatMap) => {
    const { low, high } = extent(map);
    return scaled(map, low, high - low);
  },
  /** Each column by its own maximum: the mistake of paper (d), to see its pictures again. Columns cannot be compared. */
  columns: ({ height, width, values }: HeatMap) => {
    const out = values.slice();
    for (let x = 0; x < width; x++) {
      let high = -Infinity;
      for (let y = 0; y < height; y++) high = Math.max(high, values[y * width + x]);
      for (let y = 0; y < height; y++) out[y * width + x] = high === 0 ? 0 : values[y * width + x] / high;
    }
    return { height, width, values: out };
  },
  /** As it is. */
  none: (map: HeatMap) => map,
} as const satisfies Record<string, (map: HeatMap) => HeatMap>;

export type Normalization = keyof typeof NORMALIZATIONS;
export const NORMALIZATION_NAMES = Object.keys(NORMALIZATIONS) as readonly Normalization[];

/**
 * Bilinear between the centres of pixels, constant beyond the outermost: what `cv2.resize` and PyTorch's `interpolate`
 * without `align_corners` do. Meant for enlarging.
 */
export function resizeBilinear(map: HeatMap, height: number, width: number): HeatMap {
  if (!(height >= 1 && width >= 1))
    throw mismatch('resizeBilinear()', 'a size of 1×1 or more', `${height}×${width}`);
  if (map.height === height && map.width === width) return map;
  const rows = taps(map.height, height);
  const columns = taps(map.width, width);
  const values = new Float32Array(height * width);
  for (const [y, row] of rows.entries())
    for (const [x, column] of columns.entries()) {
      const [above, below] = [row.first, row.second].map((r) => {
        const [a, b] = [map.values[r * map.width + column.first], map.values[r * map.width + column.second]];
        return a + (b - a) * column.share;
      });
      values[y * width + x] = above + (below - above) * row.share;
    }
  return { height, width, values };
}

/** For each place of `to` the two neighbours of `from` that it lies between, and the share of the second. */
function taps(from: number, to: number) {
  return Array.from({ length: to }, (_, i) => {
    const place = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const first = Math.floor(place);
    return { first, second: Math.min(first + 1, from - 1), share: place - first };
  });
}
