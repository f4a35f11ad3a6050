/**
 * The safetensors format: 8 bytes of header length (little endian), a JSON header with dtype, shape and byte
 * range of each tensor and text metadata, then the data, without gaps. Only F32 is written here, and read: tensors of
 * other types, such as the counters of PyTorch's BatchNorm, are passed over, and missed by name where one is needed. Files
 * can be read by the Python package of the same name.
 */

import { type FileHandle, open } from 'node:fs/promises';
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
/** Bytes that are read or written at once; the system takes less than 2 GiB. */
const PIECE = 2 ** 28;

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

/** The bytes of a file, in pieces: a whole one may be larger than a buffer can be. */
function* piecesOf({ tensors, metadata }: TensorFile): Generator<Uint8Array> {
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
  const bytes = Buffer.alloc(8 + padded, ' ');
  bytes.writeBigUInt64LE(BigInt(padded));
  json.copy(bytes, 8);
  yield bytes;
  for (const { data } of tensors.values())
    for (let at = 0; at < data.byteLength; at += PIECE)
      yield new Uint8Array(data.buffer, data.byteOffset + at, Math.min(PIECE, data.byteLength - at));
}

export function encodeSafetensors(file: TensorFile): Uint8Array {
  return Buffer.concat([...piecesOf(file)]);
}

type Broken = (got: string) => SomaError;

function brokenIn(where: string): Broken {
  return (got) =>
    new SomaError(`${where}: expected a whole safetensors file, got ${got}; take another copy or checkpoint`);
}

/** Length of the header, of a file of so many bytes. */
function headerLength(start: Buffer, bytes: number, broken: Broken): number {
  if (bytes < 8) throw broken(`${bytes} bytes`);
  const length = Number(start.readBigUInt64LE());
  if (length > bytes - 8) throw broken(`${bytes} bytes where the header alone says ${length}`);
  return length;
}

interface Layout {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order in which they lie in the data. */
  readonly entries: readonly (readonly [string, Entry])[];
}

/** What a header says of so many bytes of data. */
function layoutOf(header: string, dataBytes: number, broken: Broken): Layout {
  const parsed = headerSchema.safeParse(parseHeader(header, broken));
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw broken(`a header with ${path.join('.') || 'no tensors'}: ${message}`);
  }
  const { __metadata__: metadata = {}, ...rest } = parsed.data;
  const entries = Object.entries(rest).sort(byPlace);
  let end = 0;
  for (const [name, { dtype, shape, data_offsets }] of entries) {
    const [from, to] = data_offsets;
    if (from !== end) throw broken(`${name} at byte ${from} of the data, where ${end} is next`);
    if (to > dataBytes) throw broken(`the end of the file inside ${name}`);
    if (dtype === 'F32' && to - from !== size(shape) * 4)
      throw broken(`${to - from} bytes for ${name} [${shape.join('×')}]`);
    end = to;
  }
  if (end !== dataBytes) throw broken(`${dataBytes - end} bytes behind the last tensor`);
  return { metadata, entries };
}

/** An empty file of this layout, whose tensors have to be filled. */
function emptyFile({ metadata, entries }: Layout) {
  const tensors = new Map<string, NamedTensor>();
  const otherTypes = new Map<string, string>();
  const places: { bytes: Uint8Array; from: number }[] = [];
  for (const [name, { dtype, shape, data_offsets }] of entries) {
    if (dtype !== 'F32') {
      otherTypes.set(name, dtype);
      continue;
    }
    const data = new Float32Array(size(shape));
    tensors.set(name, { shape, data });
    places.push({ bytes: new Uint8Array(data.buffer), from: data_offsets[0] });
  }
  return { file: { tensors, metadata, otherTypes }, places };
}

/** @param where file name for errors. Throws a SomaError naming it where the bytes are not such a file. */
export function decodeSafetensors(bytes: Uint8Array, where: string): TensorFile {
  const broken = brokenIn(where);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = headerLength(buffer, buffer.length, broken);
  const data = buffer.subarray(8 + length);
  const { file, places } = emptyFile(layoutOf(buffer.toString('utf8', 8, 8 + length), data.length, broken));
  // Copied, because the data need not lie on a multiple of 4 bytes.
  for (const { bytes: to, from } of places) to.set(data.subarray(from, from + to.length));
  return file;
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
  await writeAside(path, piecesOf(file));
}

/** Fills `to` from a place in a file. */
async function readInto(file: FileHandle, to: Uint8Array, place: number, broken: Broken): Promise<void> {
  for (let done = 0; done < to.length; ) {
    const wanted = Math.min(PIECE, to.length - done);
    const { bytesRead } = await file.read(to, done, wanted, place + done);
    if (bytesRead === 0) throw broken(`its end after ${place + done} bytes`);
    done += bytesRead;
  }
}

/** As `decodeSafetensors`, for files of any size. */
export async function readSafetensors(path: string): Promise<TensorFile> {
  const unreadable = (error: Error) => {
    throw new SomaError(`${path}: expected a checkpoint, got ${error.message}; check the run folder`);
  };
  const broken = brokenIn(path);
  const handle = await open(path).catch(unreadable);
  try {
    const { size: bytes } = await handle.stat();
    const start = Buffer.alloc(8);
    if (bytes >= 8) await readInto(handle, start, 0, broken);
    const header = Buffer.alloc(headerLength(start, bytes, broken));
    await readInto(handle, header, 8, broken);
    const data = 8 + header.length;
    const { file, places } = emptyFile(layoutOf(header.toString(), bytes - data, broken));
    for (const { bytes: to, from } of places) await readInto(handle, to, data + from, broken);
    return file;
  } catch (error) {
    if (error instanceof SomaError) throw error;
    return unreadable(error as Error);
  } finally {
    await handle.close();
  }
}
