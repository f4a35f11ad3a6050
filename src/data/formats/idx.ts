/**
 * IDX, the format of MNIST and Fashion-MNIST: a folder with the four standard files
 * `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`,
 * each plain or with `.gz` (`train-images.idx3-ubyte`, as some mirrors name them, is read too).
 * Layout: two zero bytes, type (0x08 = uint8), number of dimensions, the dimensions as big-endian int32, then
 * the values. Source: http://yann.lecun.com/exdb/mnist. There is no validation split: `open.ts` draws one.
 */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { classesOf } from '../catalog.ts';
import type { Split } from '../dataset.ts';
import { DataError, type FaultSink, reason } from '../fault.ts';
import type { ImageShape } from '../image.ts';
import { type ByteSource, fileBytes, fileCrc, spoolBytes } from './bytes.ts';
import { type DataFormat, NO_IMAGES } from './format.ts';
import { type LabelledSplit, settleClasses } from './labels.ts';
import { rawRows } from './rows.ts';

const FILE = /^(train|t10k)-(images|labels)[-.]idx[13]-ubyte(\.gz)?$/;
const UINT8 = 0x08;

export const idx: DataFormat = {
  id: 'idx',
  recognises: 'a folder with the IDX files of MNIST (train-images-idx3-ubyte[.gz] and its three companions)',
  detect: (_path, stats, entries) => stats.isDirectory() && entries.some((name) => FILE.test(name)),
  async open(path, { report, classes: given }) {
    const opened: ByteSource[] = [];
    const close = async () => {
      for (const bytes of opened.splice(0)) await bytes.close();
    };
    try {
      const entries = await readdir(path);
      const tables: Partial<Record<Split, Table>> = {};
      for (const [split, prefix] of [
        ['train', 'train'],
        ['test', 't10k'],
      ] as const) {
        const table = await openTable(path, entries, prefix, opened, report);
        if (table) tables[split] = table;
      }
      const shape = tables.train?.shape;
      if (!shape) {
        await close();
        return undefined;
      }
      const known = given ?? classesOf(path, new Set(tables.train?.labels));
      const classes = settleClasses(path, tables, known, report);
      const rows = (split: 'train' | 'test') => {
        const table = tables[split];
        if (!table) return NO_IMAGES;
        return rawRows({ ...table, name: (i) => `${split}[${i}]`, where: (i) => `${table.file}[${i}]` });
      };
      const splits = { train: rows('train'), test: rows('test') };
      const stamp = Object.values(tables)
        .map((table) => table.stamp)
        .join(' ');
      return { shape, classes, splits, stamp, close };
    } catch (error) {
      await close();
      throw error;
    }
  },
};

interface Table extends LabelledSplit {
  readonly file: string;
  readonly bytes: ByteSource;
  readonly dataStart: number;
  readonly shape: ImageShape;
  readonly stamp: string;
}

async function openTable(
  folder: string,
  entries: readonly string[],
  prefix: string,
  opened: ByteSource[],
  report: FaultSink,
): Promise<Table | undefined> {
  const images = await openArray(folder, entries, `${prefix}-images`, 3, opened, report);
  const labels = await openArray(folder, entries, `${prefix}-labels`, 1, opened, report);
  if (!images || !labels) return undefined;
  const [rows, height, width] = images.dims;
  if (labels.dims[0] !== rows) {
    report(
      new DataError('wrong-count', labels.file, {
        expected: `as many labels as images, ${rows}`,
        got: labels.dims[0],
        advice: 'take both files from the same source',
      }),
    );
    return undefined;
  }
  const values = new Uint8Array(rows);
  await labels.bytes.read(values, labels.dataStart);
  return {
    file: images.file,
    bytes: images.bytes,
    dataStart: images.dataStart,
    shape: { height, width, channels: 1 },
    stamp: `${images.crc}:${labels.crc}`,
    labels: Int32Array.from(values),
    row: (i) => `${labels.file}[${i}]`,
  };
}

interface OpenArray {
  readonly file: string;
  readonly bytes: ByteSource;
  /** CRC-32 of the inflated file. */
  readonly crc: number;
  readonly dims: readonly number[];
  readonly dataStart: number;
}

async function openArray(
  folder: string,
  entries: readonly string[],
  stem: string,
  rank: number,
  opened: ByteSource[],
  report: FaultSink,
): Promise<OpenArray | undefined> {
  const name = entries.find((entry) => FILE.test(entry) && entry.startsWith(stem));
  const file = join(folder, name ?? `${stem}-idx${rank}-ubyte`);
  if (!name) {
    report(
      new DataError('not-found', file, {
        expected: 'this file, plain or with .gz',
        got: 'no such file',
        advice: 'put the four IDX files into one folder',
      }),
    );
    return undefined;
  }
  try {
    const { bytes, crc } = name.endsWith('.gz')
      ? await inflate(file)
      : { bytes: await fileBytes(file), crc: await fileCrc(file) };
    opened.push(bytes);
    return { file, bytes, crc, ...(await readHeader(bytes, rank)) };
  } catch (error) {
    report(
      new DataError('truncated', file, {
        expected: `a complete IDX file of uint8 values with ${rank} dimension${rank > 1 ? 's' : ''}`,
        got: reason(error),
        advice: 'fetch the file again',
        cause: error,
      }),
    );
    return undefined;
  }
}

function inflate(file: string) {
  const gunzip = createGunzip();
  // A failure of either stream reaches the reader of `gunzip`; nothing else is to be done here.
  pipeline(createReadStream(file), gunzip, () => {});
  return spoolBytes(gunzip);
}

async function readHeader(bytes: ByteSource, rank: number) {
  const header = Buffer.alloc(4 + 4 * rank);
  await bytes.read(header, 0);
  if (header[0] !== 0 || header[1] !== 0 || header[2] !== UINT8 || header[3] !== rank) {
    throw new Error(`a header of bytes ${[...header.subarray(0, 4)].join(' ')} instead of 0 0 8 ${rank}`);
  }
  const dims = Array.from({ length: rank }, (_, i) => header.readUInt32BE(4 + 4 * i));
  const rowBytes = dims.slice(1).reduce((a, b) => a * b, 1);
  const held = rowBytes > 0 ? Math.floor((bytes.size - header.length) / rowBytes) : 0;
  if (held < dims[0]) throw new Error(`bytes for ${held} of ${dims[0]} rows, ending in row ${held}`);
  return { dims, dataStart: header.length };
}
