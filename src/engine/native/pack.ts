/** Copies between the caller's order (as the shape says, NCHW) and an engine's memory (src/compile/layout.ts). */
import { isBlocked, isMap, LANES } from '../../compile/layout.ts';
import type { TensorType } from '../../graph/value.ts';
import { elements, size } from '../../graph/value.ts';
import type { Feed, Fetched } from '../engine.ts';

/** A value's memory, seen as what it is stored as. */
export function viewOf(type: TensorType, buffer: ArrayBuffer, offset: number, bytes: number) {
  switch (type.dtype) {
    case 'f32':
      return new Float32Array(buffer, offset, bytes / 4);
    case 'i32':
      return new Int32Array(buffer, offset, bytes / 4);
    case 'u8':
      return new Uint8Array(buffer, offset, bytes);
    case 'spike':
      return new Uint16Array(buffer, offset, bytes / 2);
  }
}

export type Memory = ReturnType<typeof viewOf>;

/** Channels and pixels of one image; rows are images of one pixel. */
function imageOf(type: TensorType): { images: number; channels: number; pixels: number } {
  const channels = type.shape[1];
  const pixels = isMap(type) ? type.shape[2] * type.shape[3] : 1;
  return { images: (type.time ?? 1) * type.shape[0], channels, pixels };
}

/**
 * Calls `visit(position, word, lane)` for each element, in the caller's order: the number of its group of 16
 * lanes in memory, and its lane.
 */
function forEachElement(
  type: TensorType,
  visit: (position: number, word: number, lane: number) => void,
): void {
  const { images, channels, pixels } = imageOf(type);
  const blocks = Math.ceil(channels / LANES);
  let position = 0;
  for (let n = 0; n < images; n++)
    for (let c = 0; c < channels; c++) {
      const first = (n * blocks + Math.floor(c / LANES)) * pixels;
      for (let p = 0; p < pixels; p++) visit(position++, first + p, c % LANES);
    }
}

/** Writes `feed` into memory that is laid out as `type` says. */
export function pack(type: TensorType, feed: Feed, memory: Memory): void {
  if (type.dtype === 'spike') {
    memory.fill(0);
    forEachElement(type, (i, word, lane) => {
      if (feed[i]) memory[word] |= 1 << lane;
    });
  } else if (isBlocked(type)) {
    // Lanes beyond C are zero since the memory was made, and nothing writes them.
    forEachElement(type, (i, word, lane) => {
      memory[word * LANES + lane] = feed[i];
    });
  } else memory.set(feed);
}

/** A copy of memory in the caller's order; spikes one byte each. */
export function unpack(type: TensorType, memory: Memory): Fetched {
  if (type.dtype === 'spike') {
    const spikes = new Uint8Array((type.time ?? 1) * size(type.shape));
    forEachElement(type, (i, word, lane) => {
      spikes[i] = (memory[word] >> lane) & 1;
    });
    return spikes;
  }
  if (memory instanceof Uint16Array) throw new Error('unpack: only spikes are stored as bits');
  if (!isBlocked(type)) return memory.slice();
  const Copy = memory.constructor as new (n: number) => Exclude<Memory, Uint16Array>;
  const copy = new Copy(elements(type));
  forEachElement(type, (i, word, lane) => {
    copy[i] = memory[word * LANES + lane];
  });
  return copy;
}
