/**
 * NumPy arrays (`.npy`, versions 1 to 3): the header, and whole arrays of integers.
 * Layout: magic `\x93NUMPY`, version, header length, a Python dictionary
 * `{'descr': '|u1', 'fortran_order': False, 'shape': (N, H, W, 3), }`, then the values.
 */
import type { ByteSource } from './bytes.ts';

export interface NpyHeader {
  /** Type string, e.g. `|u1` (uint8), `<i8` (int64), `<f4` (float32). */
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Byte at which the values begin. */
  readonly dataStart: number;
}

const MAGIC = '\x93NUMPY';

/** @throws Error with the reason when the bytes are no `.npy` array of a plain type */
export async function readNpyHeader(bytes: ByteSource): Promise<NpyHeader> {
  const start = Buffer.alloc(Math.min(12, bytes.size));
  await bytes.read(start, 0);
  if (start.length < 12 || start.toString('latin1', 0, 6) !== MAGIC) throw new Error('no .npy header');
  const version = start[6];
  if (version < 1 || version > 3) throw new Error(`.npy version ${version} is not read`);
  const prefix = version === 1 ? 10 : 12;
  const length = version === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  if (prefix + length > bytes.size) throw new Error('the .npy header is cut off');
  const text = Buffer.alloc(length);
  await bytes.read(text, prefix);
  return { ...parseDictionary(text.toString('utf8')), dataStart: prefix + length };
}

function parseDictionary(text: string): Omit<NpyHeader, 'dataStart'> {
  const descr = /'descr'\s*:\s*'([^']+)'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(text)?.[1];
  if (!descr || !order || shape === undefined) {
    throw new Error(`.npy header is not one of a plain array: ${text.trim().slice(0, 120)}`);
  }
  return {
    descr,
    fortranOrder: order === 'True',
    shape: shape
      .split(',')
      .filter((item) => item.trim())
      .map(Number),
  };
}

/** NumPy's name of a type string, for messages: `<f4` is `float32`. */
export function dtypeName(descr: string): string {
  const kinds: Record<string, string> = { u: 'uint', i: 'int', f: 'float', c: 'complex' };
  const [, kind, bytes] = /^[<>|=]?([a-zA-Z])(\d+)$/.exec(descr) ?? [];
  if (kind === 'b') return 'bool';
  return kind in kinds ? `${kinds[kind]}${Number(bytes) * 8}` : `type '${descr}'`;
}

/** Reads `count` integers. Undefined if the type is none of signed or unsigned 8, 16, 32 or 64 bits. */
export function integersFrom(data: Uint8Array, descr: string, count: number): Int32Array | undefined {
  const [, order, kind, size] = /^([<>|=]?)([iu])([1248])$/.exec(descr) ?? [];
  if (!kind) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const little = order !== '>';
  const readers: Record<string, (at: number) => number> = {
    u1: (at) => view.getUint8(at),
    i1: (at) => view.getInt8(at),
    u2: (at) => view.getUint16(at, little),
    i2: (at) => view.getInt16(at, little),
    u4: (at) => view.getUint32(at, little),
    i4: (at) => view.getInt32(at, little),
    u8: (at) => Number(view.getBigUint64(at, little)),
    i8: (at) => Number(view.getBigInt64(at, little)),
  };
  const read = readers[kind + size];
  const width = Number(size);
  // Values beyond 32 bits are no class index; clamped, they stay out of range and are reported as such.
  const clamp = (value: number) => Math.max(-0x80000000, Math.min(0x7fffffff, value));
  return Int32Array.from({ length: count }, (_, i) => clamp(read(i * width)));
}
