/**
 * The safetensors format: 8 bytes of header length (little endian), a JSON header with dtype, shape and byte
 * range of each tensor and text metadata, then the data. Only F32 is needed here. Files can be read by the
 * Python package of the same name.
 */

import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { mismatch, SomaError } from '../errors.ts';
import { writeAside } from '../files.ts';
import { size } from '../graph/value.ts';

export interface NamedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface TensorFile {
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const ALIGNMENT = 8;

export function encodeSafetensors({ tensors, metadata }: TensorFile): Uint8Array {
  if (endianness() !== 'LE')
    throw new SomaError('safetensors: expected a little-endian machine, got a big-endian one');
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    if (size(shape) !== data.length)
      throw mismatch(`safetensors ${name}`, `${size(shape)} numbers`, data.length);
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const bytes = Buffer.alloc(8 + padded + offset, ' ');
  bytes.writeBigUInt64LE(BigInt(padded));
  json.copy(bytes, 8);
  let at = 8 + padded;
  for (const { data } of tensors.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** @param where file name for errors. Throws a SomaError naming it where the bytes are not such a file. */
export function decodeSafetensors(bytes: Uint8Array, where: string): TensorFile {
  const broken = (got: string) =>
    new SomaError(`${where}: expected a whole safetensors file, got ${got}; take another copy or checkpoint`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 8) throw broken(`${buffer.length} bytes`);
  const length = Number(buffer.readBigUInt64LE());
  if (length > buffer.length - 8)
    throw broken(`${buffer.length} bytes where the header alone says ${length}`);
  const data = buffer.subarray(8 + length);
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(buffer.toString('utf8', 8, 8 + length));
  } catch {
    throw broken('a header that is not JSON');
  }
  const tensors = new Map<string, NamedTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets } = entry as {
      dtype?: string;
      shape?: number[];
      data_offsets?: number[];
    };
    if (dtype !== 'F32') throw broken(`${dtype} in ${name}, where Soma writes F32`);
    if (!Array.isArray(shape) || !Array.isArray(data_offsets)) throw broken(`no shape or place for ${name}`);
    const [from, to] = data_offsets;
    if (to > data.length) throw broken(`the end of the file inside ${name}`);
    if (to - from !== size(shape) * 4) throw broken(`${to - from} bytes for ${name} [${shape.join('×')}]`);
    // Copied, because the data need not lie on a multiple of 4 bytes.
    const copy = new Float32Array(size(shape));
    new Uint8Array(copy.buffer).set(data.subarray(from, to));
    tensors.set(name, { shape, data: copy });
  }
  return { tensors, metadata: (header.__metadata__ ?? {}) as Record<string, string> };
}

export async function writeSafetensors(path: string, file: TensorFile): Promise<void> {
  await writeAside(path, encodeSafetensors(file));
}

export async function readSafetensors(path: string): Promise<TensorFile> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new SomaError(`${path}: expected a checkpoint, got ${error.message}; check the run folder`);
  });
  return decodeSafetensors(bytes, path);
}
