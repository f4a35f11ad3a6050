/**
 * From 8-bit pixels to the numbers that a network takes: planes instead of interleaved channels (HWC to CHW),
 * and values by a table, so that scaling and normalising cost one look-up a pixel.
 */
import { mismatch } from '../errors.ts';
import type { ImageShape } from './image.ts';

/** Per-channel normalisation of values in [0, 1]: (x − mean) / std. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Value of each byte for each channel: `table[channel × 256 + byte]`. */
export type ValueTable = Float32Array;

/** x / 255, normalised where asked. @throws SomaError when mean or std do not fit the channels */
export function valueTable(channels: number, normalization?: Normalization): ValueTable {
  const { mean, std } = normalization ?? { mean: Array(channels).fill(0), std: Array(channels).fill(1) };
  if (mean.length !== channels || std.length !== channels || !std.every((value) => value > 0)) {
    throw mismatch(
      'normalization',
      `${channels} means and ${channels} standard deviations above 0`,
      `mean [${mean}], std [${std}]`,
    );
  }
  return Float32Array.from({ length: channels * 256 }, (_, i) => {
    const channel = i >> 8;
    return ((i & 255) / 255 - mean[channel]) / std[channel];
  });
}

/** HWC bytes to CHW bytes. */
export function toPlanes(
  interleaved: Uint8Array,
  { height, width, channels }: ImageShape,
  planes: Uint8Array,
): void {
  if (channels === 1) {
    planes.set(interleaved);
    return;
  }
  const area = height * width;
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0, from = channel, to = channel * area; i < area; i++, from += channels, to++) {
      planes[to] = interleaved[from];
    }
  }
}

/**
 * CHW bytes to CHW values, written from `offset` on. Where planes lie on 4-byte borders, four bytes are loaded
 * at once: about half the time of the plain loop, and this loop runs over every pixel of every epoch.
 */
export function toValues(planes: Uint8Array, table: ValueTable, out: Float32Array, offset: number): void {
  const channels = table.length >> 8;
  const area = planes.length / channels;
  const inWords = LITTLE_ENDIAN && area % 4 === 0 && planes.byteOffset % 4 === 0;
  for (let channel = 0; channel < channels; channel++) {
    const base = channel << 8;
    let to = offset + channel * area;
    if (inWords) {
      const words = new Uint32Array(planes.buffer, planes.byteOffset + channel * area, area / 4);
      for (let i = 0; i < words.length; i++, to += 4) {
        const word = words[i];
        out[to] = table[base + (word & 255)];
        out[to + 1] = table[base + ((word >>> 8) & 255)];
        out[to + 2] = table[base + ((word >>> 16) & 255)];
        out[to + 3] = table[base + (word >>> 24)];
      }
    } else {
      const end = (channel + 1) * area;
      for (let i = channel * area; i < end; i++, to++) out[to] = table[base + planes[i]];
    }
  }
}

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
