/**
 * The safetensors format: 8 bytes of header length (little endian), a JSON header with dtype, shape and byte
 * range of each tensor and text metadata, then the data, without gaps. Only F32 is written here, and read: tensors of
 * other types, such as the counters of PyTorch's BatchNorm, are passed over, and missed by name where one is needed. Files
 * can be read by the Python package of the same name.
 */

import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { z } from 'zod';
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
  /** Types of the tensors that were passed over, by name. */
  readonly otherTypes?: ReadonlyMap<string, string>;
}

const ALIGNMENT = 8;

const whole = z.int().min(0);
const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(whole),
  data_offsets: z.tuple([whole, whole]),
});
type Entry = z.output<typeof entrySchema>;

const headerSchema = z
  .object({ __metadata__: z.record(z.string(), z.string()).optional() })
  .catchall(entrySchema);

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
  const parsed = headerSchema.safeParse(parseHeader(buffer.toString('utf8', 8, 8 + length), broken));
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw broken(`a header with ${path.join('.') || 'no tensors'}: ${message}`);
  }
  const { __metadata__: metadata = {}, ...entries } = parsed.data;
  const tensors = new Map<string, NamedTensor>();
  const otherTypes = new Map<string, string>();
  let end = 0;
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries).sort(byPlace)) {
    const [from, to] = data_offsets;
    if (from !== end) throw broken(`${name} at byte ${from} of the data, where ${end} is next`);
    if (to > data.length) throw broken(`the end of the file inside ${name}`);
    end = to;
    if (dtype !== 'F32') {
      otherTypes.set(name, dtype);
      continue;
    }
    if (to - from !== size(shape) * 4) throw broken(`${to - from} bytes for ${name} [${shape.join('×')}]`);
    // Copied, because the data need not lie on a multiple of 4 bytes.
    const copy = new Float32Array(size(shape));
    new Uint8Array(copy.buffer).set(data.subarray(from, to));
    tensors.set(name, { shape, data: copy });
  }
  if (end !== data.length) throw broken(`${data.length - end} bytes behind the last tensor`);
  return { tensors, metadata, otherTypes };
}

function byPlace([, a]: [string, Entry], [, b]: [string, Entry]): number {
  return a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1];
}

function parseHeader(text: string, broken: (got: string) => SomaError): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw broken('a header that is not JSON');
  }
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
