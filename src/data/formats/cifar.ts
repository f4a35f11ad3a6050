/**
 * CIFAR-10 and CIFAR-100, the official "binary version", unpacked: `data_batch_1.bin` … `data_batch_5.bin` and
 * `test_batch.bin`, or `train.bin` and `test.bin`. A record is the label (of CIFAR-100 two: coarse, fine; the fine one is
 * read) and 32×32 pixels, planes of red, green and blue one behind another. Class names are read from the text file beside.
 * Source: https://www.cs.toronto.edu/~kriz/cifar.html. There is no validation split: `open.ts` draws one.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { classesOf } from '../catalog.ts';
import type { Split } from '../dataset.ts';
import { DataError, type FaultSink, reason } from '../fault.ts';
import { type ImageShape, imageBytes, resizePixels, writeChannels } from '../image.ts';
import { type ByteSource, fileBytes } from './bytes.ts';
import { type DataFormat, NO_IMAGES, type RawSource, sha256 } from './format.ts';
import { settleClasses } from './labels.ts';

const SHAPE: ImageShape = { height: 32, width: 32, channels: 3 };
const PIXELS = SHAPE.height * SHAPE.width;
const IMAGE = imageBytes(SHAPE);

interface Variant {
  readonly files: Readonly<Record<'train' | 'test', readonly string[]>>;
  /** Bytes before the pixels, of which the last is the label. */
  readonly labelBytes: number;
  readonly names: string;
}

const VARIANTS: readonly Variant[] = [
  {
    files: { train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`), test: ['test_batch.bin'] },
    labelBytes: 1,
    names: 'batches.meta.txt',
  },
  { files: { train: ['train.bin'], test: ['test.bin'] }, labelBytes: 2, names: 'fine_label_names.txt' },
];

function variantOf(entries: readonly string[]): Variant | undefined {
  return VARIANTS.find(({ files }) => files.train.some((name) => entries.includes(name)));
}

export const cifar: DataFormat = {
  id: 'cifar',
  recognises: 'a folder with the binary version of CIFAR-10 or CIFAR-100 (data_batch_1.bin, … or train.bin)',
  detect: (_path, stats, entries) => stats.isDirectory() && variantOf(entries) !== undefined,
  async open(path, { report, classes: given }) {
    const variant = variantOf(await readdir(path));
    if (!variant) return undefined;
    const opened: ByteSource[] = [];
    const close = async () => {
      for (const bytes of opened.splice(0)) await bytes.close();
    };
    try {
      const batches = async (split: 'train' | 'test') => {
        const read: Batch[] = [];
        for (const name of variant.files[split]) {
          const batch = await openBatch(join(path, name), variant, report);
          if (!batch) continue;
          opened.push(batch.bytes);
          read.push(batch);
        }
        return read;
      };
      const [train, test] = [await batches('train'), await batches('test')];
      if (train.length === 0) {
        await close();
        return undefined;
      }
      const sources = {
        train: joined(train, variant),
        test: test.length > 0 ? joined(test, variant) : NO_IMAGES,
      };
      const labelled = (split: 'train' | 'test') => ({
        labels: sources[split].labels,
        row: (i: number) => join(path, sources[split].name(i)),
      });
      const known = given ?? (await classNames(path, variant, sources.train.labels));
      const splits: Partial<Record<Split, RawSource>> = sources;
      return {
        shape: SHAPE,
        classes: settleClasses(path, { train: labelled('train'), test: labelled('test') }, known, report),
        splits,
        stamp: [...train, ...test].map(({ crc }) => crc).join(' '),
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  },
};

interface Batch {
  readonly file: string;
  readonly bytes: ByteSource;
  readonly crc: number;
  readonly labels: Uint8Array;
}

async function openBatch(
  path: string,
  { labelBytes }: Variant,
  report: FaultSink,
): Promise<Batch | undefined> {
  const record = labelBytes + IMAGE;
  let bytes: ByteSource | undefined;
  try {
    bytes = await fileBytes(path);
    if (bytes.size === 0 || bytes.size % record !== 0) throw new Error(`${bytes.size} bytes`);
    const all = await readFile(path);
    const labels = Uint8Array.from(
      { length: all.length / record },
      (_, i) => all[i * record + labelBytes - 1],
    );
    return { file: path, bytes, crc: crc32(all), labels };
  } catch (error) {
    await bytes?.close();
    report(
      new DataError('truncated', path, {
        expected: `records of ${record} bytes`,
        got: reason(error),
        advice: 'unpack the archive again',
        cause: error,
      }),
    );
    return undefined;
  }
}

/** Lines of the text file beside; the catalog's where it is not there. */
async function classNames(
  path: string,
  { names }: Variant,
  labels: Int32Array,
): Promise<readonly string[] | undefined> {
  const text = await readFile(join(path, names), 'utf8').catch(() => '');
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  return lines.length > 0 ? lines : classesOf(path, new Set(labels));
}

/** Several files, one behind another, as one source. */
function joined(batches: readonly Batch[], { labelBytes }: Variant): RawSource {
  const record = labelBytes + IMAGE;
  const rows = batches.flatMap((batch) => [...batch.labels.keys()].map((row) => ({ batch, row })));
  const name = (index: number) => {
    const { batch, row } = rows[index];
    return `${basename(batch.file)}[${row}]`;
  };
  const readPlanes = async (index: number) => {
    const { batch, row } = rows[index];
    const planes = new Uint8Array(IMAGE);
    try {
      await batch.bytes.read(planes, row * record + labelBytes);
    } catch (error) {
      throw new DataError('unreadable-image', `${batch.file}[${row}]`, {
        expected: `${IMAGE} bytes of pixels`,
        got: reason(error),
        advice: 'unpack the archive again; the file has changed since it was opened',
        cause: error,
      });
    }
    return planes;
  };
  return {
    length: rows.length,
    labels: Int32Array.from(rows, ({ batch, row }) => batch.labels[row]),
    name,
    async read(index, target, shape) {
      const planes = await readPlanes(index);
      const data = new Uint8Array(IMAGE);
      for (let i = 0; i < PIXELS; i++)
        for (let channel = 0; channel < 3; channel++) data[3 * i + channel] = planes[channel * PIXELS + i];
      writeChannels(await resizePixels({ ...SHAPE, data }, shape), target, shape.channels);
    },
    contentHash: async (index) => sha256(await readPlanes(index)),
  };
}
