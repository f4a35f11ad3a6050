/** Numbers as people read them in tables: fixed decimals, a true minus sign, units after a space. */
import type { ImageShape } from '../data/image.ts';
import type { Estimate } from '../measure/bootstrap.ts';

/** What stands where there is no figure. */
export const NONE = '–';

/** Between a number and its unit, which no line may part. */
const SPACE = '\u00a0';

/** A number with a fixed count of decimals, `−` for the minus sign. */
export function decimal(value: number, decimals: number): string {
  return value.toFixed(decimals).replace('-', '−');
}

/** A share as a percentage, e.g. `95.23 %`. */
export function percent(share: number, decimals = 2): string {
  return `${decimal(100 * share, decimals)}${SPACE}%`;
}

/** A probability as a percentage with one decimal; no network is certain, so what would round to 100 % is `> 99.9 %`. */
export function probability(share: number): string {
  return share > 0.9995 ? `>${SPACE}${percent(0.999, 1)}` : percent(share, 1);
}

/** A share with its interval in per cent, e.g. `95.23 (94.50–95.91)`; the unit belongs into the heading. */
export function percentInterval(estimate: Estimate | null): string {
  if (!estimate) return NONE;
  const [value, low, high] = [estimate.value, estimate.low, estimate.high].map((share) =>
    decimal(100 * share, 2),
  );
  return `${value} (${low}–${high})`;
}

/** A figure with its interval, e.g. `0.952 (0.944–0.960)`. */
export function interval(estimate: Estimate | null, decimals = 3): string {
  if (!estimate) return NONE;
  const { value, low, high } = estimate;
  return `${decimal(value, decimals)} (${decimal(low, decimals)}–${decimal(high, decimals)})`;
}

/** A whole number in groups of three, e.g. `430,696`. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US').replace('-', '−');
}

/** How images are read, e.g. `64×64 px, grey`. */
export function imageShape({ height, width, channels }: ImageShape): string {
  return `${height}×${width}${SPACE}px, ${channels === 1 ? 'grey' : 'RGB'}`;
}

/** A size in binary units, e.g. `1.64 MiB`. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)}${SPACE}${units[unit]}`;
}

/** An energy with three digits, e.g. `0.537 mJ`, `98.0 µJ`; from 500 on in the next larger unit. */
export function joules(value: number): string {
  const units = ['pJ', 'nJ', 'µJ', 'mJ', 'J', 'kJ'];
  let unit = 0;
  let shown = value * 1e12;
  while (shown >= 500 && unit < units.length - 1) {
    shown /= 1000;
    unit++;
  }
  return `${shown === 0 ? '0' : shown.toFixed(Math.max(0, 2 - Math.floor(Math.log10(shown))))}${SPACE}${units[unit]}`;
}

/** A size in both units that models are given in, e.g. `1.35 MB (1.29 MiB)`: of 10⁶ and of 2²⁰ bytes. */
export function megabytes(count: number): string {
  const text = (value: number) => value.toFixed(value < 10 ? 3 : value < 100 ? 2 : 1);
  return `${text(count / 1e6)}${SPACE}MB (${text(count / 2 ** 20)}${SPACE}MiB)`;
}

/** A span of time, e.g. `0.42 s`, `39.1 s`, `12 min 5 s`, `2 h 3 min`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(2)}${SPACE}s`;
  if (seconds < 100) return `${seconds.toFixed(1)}${SPACE}s`;
  const rounded = Math.round(seconds);
  if (rounded < 3600) return `${Math.floor(rounded / 60)}${SPACE}min ${rounded % 60}${SPACE}s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}${SPACE}h ${minutes % 60}${SPACE}min`;
}

/** Median of a list; NaN of an empty one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
