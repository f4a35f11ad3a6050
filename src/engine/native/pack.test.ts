import { describe, expect, test } from 'vitest';
import { storageBytes } from '../../compile/layout.ts';
import type { TensorType } from '../../graph/value.ts';
import { elements, f32 } from '../../graph/value.ts';
import { type Memory, pack, unpack, viewOf } from './pack.ts';

function memoryFor(type: TensorType): Memory {
  const bytes = storageBytes(type);
  return viewOf(type, new ArrayBuffer(bytes), 0, bytes);
}

const counting = (type: TensorType) => Float32Array.from({ length: elements(type) }, (_, i) => i + 1);

describe('pack', () => {
  test('puts 16 channels of a pixel side by side and leaves the other lanes zero', () => {
    const type = f32([1, 17, 1, 2]);
    const memory = memoryFor(type);
    pack(type, counting(type), memory);
    expect(memory.length).toBe(2 * 2 * 16);
    // Channel c, pixel p is element 2c + p + 1 of the caller.
    expect([...memory.slice(0, 3)]).toEqual([1, 3, 5]);
    expect([...memory.slice(16, 19)]).toEqual([2, 4, 6]);
    expect([...memory.slice(32, 35)]).toEqual([33, 0, 0]);
    expect([...memory.slice(48, 51)]).toEqual([34, 0, 0]);
  });

  test('stores spikes as bits, a word for 16 channels of a pixel', () => {
    const type: TensorType = { ...f32([1, 18, 1, 2]), dtype: 'spike' };
    const spikes = new Int32Array(36);
    for (const [channel, pixel] of [
      [0, 0],
      [15, 0],
      [3, 1],
      [17, 1],
    ])
      spikes[channel * 2 + pixel] = 1;
    const memory = memoryFor(type);
    pack(type, spikes, memory);
    expect([...memory]).toEqual([0x8001, 0x0008, 0, 0x0002]);
    expect([...unpack(type, memory)]).toEqual([...spikes]);
  });

  test('clears what a former feed of spikes has left', () => {
    const type: TensorType = { ...f32([2, 5]), dtype: 'spike' };
    const memory = memoryFor(type);
    pack(type, new Int32Array(10).fill(1), memory);
    pack(type, new Int32Array(10), memory);
    expect([...memory]).toEqual([0, 0]);
  });

  test.each([f32([2, 3, 4, 5], 3), f32([2, 33, 2, 3], 2), f32([3, 20]), f32([]), f32([0, 17, 2, 2])])(
    'unpack gives back what pack was given: %o',
    (type) => {
      const memory = memoryFor(type);
      pack(type, counting(type), memory);
      expect(unpack(type, memory)).toEqual(counting(type));
    },
  );
});
