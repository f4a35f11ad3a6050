/**
 * What a corruption is: an image in, a worse one out, in five severities. Sizes in pixels that were published for the
 * 224 pixels of MedMNIST-C are scaled to the side of the image, so that a bubble covers the same part of a cell.
 */
import type { Random } from '../../random.ts';
import type { Pixels } from '../image.ts';

export const SEVERITIES = [1, 2, 3, 4, 5] as const;
export type Severity = (typeof SEVERITIES)[number];

type Apply<Level> = (image: Pixels, level: Level, draw: Random) => Uint8Array | Promise<Uint8Array>;

export interface Corruption {
  readonly title: string;
  readonly source: string;
  /** What each severity sets, with its unit. */
  readonly levels: readonly string[];
  /** Does nothing to grey images. */
  readonly colourOnly: boolean;
  /** @returns new bytes, height × width × channels */
  apply(image: Pixels, severity: Severity, draw: Random): Uint8Array | Promise<Uint8Array>;
}

export interface CorruptionSpec<Level> {
  readonly title: string;
  readonly source: string;
  readonly levels: readonly [Level, Level, Level, Level, Level];
  readonly show: (level: Level) => string;
  readonly apply: Apply<Level>;
  readonly colourOnly?: boolean;
}

/** Levels of any type in, a corruption whose severities are numbers out. */
export function defineCorruption<Level>(spec: CorruptionSpec<Level>): Corruption {
  const { title, source, levels, show, apply, colourOnly = false } = spec;
  return {
    title,
    source,
    levels: levels.map(show),
    colourOnly,
    apply: (image, severity, draw) => apply(image, levels[severity - 1], draw),
  };
}

export const PAPER_E = 'paper (e), levels of our own: it gives none';
export const MEDMNIST_C = 'MedMNIST-C (Di Salvo et al., 2024), BloodMNIST';

/** Pixels of this image for one of a MedMNIST-C image. */
export function scaleOf({ height, width }: Pixels): number {
  return Math.min(height, width) / 224;
}

/** Values rounded to bytes and kept in 0 to 255. */
export function toBytes(values: ArrayLike<number>): Uint8Array {
  return new Uint8Array(Uint8ClampedArray.from(values).buffer);
}

/** A new image whose bytes are what `value` makes of each byte, rounded and kept in 0 to 255. */
export function mapBytes({ data }: Pixels, value: (byte: number, at: number) => number): Uint8Array {
  return toBytes(Float64Array.from(data, value));
}
