/** Images of one size that lie one behind another in bytes (npz, idx), as a source. */
import { DataError, reason } from '../fault.ts';
import { type ImageShape, imageBytes, resizePixels, writeChannels } from '../image.ts';
import type { ByteSource } from './bytes.ts';
import { type RawSource, sha256 } from './format.ts';

export interface RowLayout {
  readonly bytes: ByteSource;
  /** Byte at which image 0 begins. */
  readonly dataStart: number;
  readonly shape: ImageShape;
  readonly labels: Int32Array;
  /** Short name of a row, unique within the source. */
  readonly name: (index: number) => string;
  /** Name of a row with its file, for messages. */
  readonly where: (index: number) => string;
}

export function rawRows({ bytes, dataStart, shape: stored, labels, name, where }: RowLayout): RawSource {
  const rowBytes = imageBytes(stored);
  const readRow = async (index: number, row: Uint8Array) => {
    try {
      await bytes.read(row, dataStart + index * rowBytes);
    } catch (error) {
      throw new DataError('unreadable-image', where(index), {
        expected: `${rowBytes} bytes of pixels`,
        got: reason(error),
        advice: 'fetch the file again; it may have changed since it was opened',
        cause: error,
      });
    }
  };
  return {
    length: labels.length,
    labels,
    name,
    async read(index, target, shape) {
      const asStored =
        shape.height === stored.height && shape.width === stored.width && shape.channels === stored.channels;
      const row = asStored ? target : new Uint8Array(rowBytes);
      await readRow(index, row);
      if (!asStored)
        writeChannels(await resizePixels({ ...stored, data: row }, shape), target, shape.channels);
    },
    async contentHash(index) {
      const row = new Uint8Array(rowBytes);
      await readRow(index, row);
      return sha256(row);
    },
  };
}
