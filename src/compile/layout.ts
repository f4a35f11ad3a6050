/**
 * How a value lies in memory, decided by its type alone, so that no two steps can disagree.
 *
 * Feature maps with more than 4 channels are blocked: 16 channels side by side for each pixel
 * ([TN][⌈C/16⌉][H][W][16]); lanes beyond C hold zero. Maps with up to 4 channels (images) and everything
 * flat lie as written, last axis fastest. Spikes are bits: 16 channels make one 16-bit word, for maps
 * [TN][⌈C/16⌉][H][W], for rows [TN][⌈F/16⌉].
 */

import { mismatch } from '../errors.ts';
import type { TensorType } from '../graph/value.ts';
import { size } from '../graph/value.ts';

/** Channels in a block, and bits in a word of spikes. */
export const LANES = 16;

/** Every buffer starts on a cache line. */
export const ALIGNMENT = 64;

const BYTES = { f32: 4, i32: 4, u8: 1 } as const;

export function isMap(type: TensorType): boolean {
  return type.format === 'map' && type.shape.length === 4;
}

export function isBlocked(type: TensorType): boolean {
  return isMap(type) && type.shape[1] > 4;
}

/** Bytes that a value takes in an engine's memory, before alignment. */
export function storageBytes(type: TensorType): number {
  const steps = type.time ?? 1;
  const { shape } = type;
  if (type.dtype === 'spike') {
    if (isMap(type)) return steps * shape[0] * Math.ceil(shape[1] / LANES) * shape[2] * shape[3] * 2;
    if (shape.length !== 2) throw mismatch('storageBytes()', 'spikes as a map or as rows', shape);
    return steps * shape[0] * Math.ceil(shape[1] / LANES) * 2;
  }
  const elements = isBlocked(type)
    ? shape[0] * Math.ceil(shape[1] / LANES) * LANES * shape[2] * shape[3]
    : size(shape);
  return steps * elements * BYTES[type.dtype];
}

export function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
