/**
 * MedMNIST archives: a NumPy `.npz` with the keys {train,val,test}_{images,labels}. Images are uint8,
 * (N, H, W) grey or (N, H, W, 3) RGB; labels are integers, (N,) or (N, 1). Rows are read by position, so an
 * archive larger than the memory is no trouble. Format: https://medmnist.com (Yang et al. 2023).
 */

import { classesOf } from '../catalog.ts';
import { SPLITS, type Split } from '../dataset.ts';
import { DataError, type FaultSink, reason } from '../fault.ts';
import type { ImageShape } from '../image.ts';
import type { ByteSource } from './bytes.ts';
import { type DataFormat, NO_IMAGES, type RawSource } from './format.ts';
import { type LabelledSplit, settleClasses } from './labels.ts';
import { dtypeName, integersFrom, type NpyHeader, readNpyHeader } from './npy.ts';
import { rawRows } from './rows.ts';
import { openZip, type Zip } from './zip.ts';

export const npz: DataFormat = {
  id: 'npz',
  recognises: 'a MedMNIST .npz file',
  detect: (path, stats) => stats.isFile() && path.toLowerCase().endsWith('.npz'),
  async open(path, { report, classes: given }) {
    const opened: { close(): unknown }[] = [];
    const close = async () => {
      for (const resource of opened.splice(0)) await resource.close();
    };
    try {
      const zip = await openZip(path);
      opened.push(zip);
      reportKeys(path, zip, report);
      const tables: Partial<Record<Split, Table>> = {};
      for (const split of SPLITS) {
        const table = await openTable(path, zip, split, opened, report);
        if (table) tables[split] = table;
      }
      const shape = commonShape(tables, report);
      if (!shape) {
        await close();
        return undefined;
      }
      const known = given ?? classesOf(path, new Set(tables.train?.labels));
      const classes = settleClasses(path, tables, known, report);
      const splits: Partial<Record<Split, RawSource>> = {};
      for (const split of SPLITS) {
        const table = tables[split];
        splits[split] = table
          ? rawRows({ ...table, name: (i) => `${split}[${i}]`, where: (i) => `${table.where}[${i}]` })
          : NO_IMAGES;
      }
      const stamp = [...zip.members.values()].map((m) => `${m.name}:${m.crc32}`).join(' ');
      return { shape, classes, splits, stamp, close };
    } catch (error) {
      await close();
      if (!(error instanceof DataError)) throw error;
      report(error);
      return undefined;
    }
  },
};

const KEYS = SPLITS.flatMap((split) => [`${split}_images`, `${split}_labels`]);

function reportKeys(path: string, zip: Zip, report: FaultSink): void {
  const found = [...zip.members.keys()].map((name) => name.replace(/\.npy$/, ''));
  const missing = KEYS.filter((key) => !found.includes(key));
  if (missing.length === 0) return;
  report(
    new DataError('wrong-keys', path, {
      expected: `the keys ${KEYS.join(', ')}`,
      got: found.length > 0 ? `${found.join(', ')} (without ${missing.join(', ')})` : 'an empty archive',
      advice: 'save the arrays under those names with numpy.savez',
    }),
  );
}

interface Table extends LabelledSplit {
  readonly bytes: ByteSource;
  readonly dataStart: number;
  readonly shape: ImageShape;
  readonly where: string;
}

async function openTable(
  path: string,
  zip: Zip,
  split: Split,
  opened: { close(): unknown }[],
  report: FaultSink,
): Promise<Table | undefined> {
  const images = await openArray(path, zip, `${split}_images`, opened, report);
  const labels = await openArray(path, zip, `${split}_labels`, opened, report);
  const shape = images && imageShape(images, report);
  const values = labels && (await readLabels(labels, report));
  if (!images || !shape || !values) return undefined;
  const rows = images.header.shape[0];
  if (rows !== values.length) {
    report(
      new DataError('wrong-count', `${path} ${split}_labels`, {
        expected: `as many labels as images, ${rows}`,
        got: values.length,
        advice: 'save images and labels of the same cells',
      }),
    );
    return undefined;
  }
  return {
    bytes: images.bytes,
    dataStart: images.header.dataStart,
    shape,
    labels: values,
    where: images.where,
    row: (i) => `${labels.where}[${i}]`,
  };
}

interface OpenArray {
  readonly where: string;
  readonly bytes: ByteSource;
  readonly header: NpyHeader;
}

async function openArray(
  path: string,
  zip: Zip,
  key: string,
  opened: { close(): unknown }[],
  report: FaultSink,
): Promise<OpenArray | undefined> {
  const member = zip.members.get(`${key}.npy`) ?? zip.members.get(key);
  if (!member) return undefined;
  const where = `${path} ${key}`;
  try {
    const bytes = await member.open();
    opened.push(bytes);
    const header = await readNpyHeader(bytes);
    return { where, bytes, header };
  } catch (error) {
    report(
      error instanceof DataError
        ? error
        : new DataError('truncated', where, {
            expected: 'a complete .npy array',
            got: reason(error),
            advice: 'save the archive again with numpy.savez',
            cause: error,
          }),
    );
    return undefined;
  }
}

function imageShape({ where, header, bytes }: OpenArray, report: FaultSink): ImageShape | undefined {
  const { shape, descr, fortranOrder } = header;
  if (!/^[<>|=]?u1$/.test(descr)) {
    report(
      new DataError('wrong-dtype', where, {
        expected: 'uint8 pixels from 0 to 255',
        got: dtypeName(descr),
        advice: 'convert before saving, e.g. (x * 255).round().astype("uint8") for values in [0, 1]',
      }),
    );
    return undefined;
  }
  const [rows, height, width, channels = 1] = shape;
  const plain = (shape.length === 3 || (shape.length === 4 && channels === 3)) && rows * height * width > 0;
  if (!plain || fortranOrder) {
    report(
      new DataError('wrong-shape', where, {
        expected: 'shape (N, H, W) or (N, H, W, 3) in C order',
        got: `(${shape.join(', ')})${fortranOrder ? ' in Fortran order' : ''}`,
        advice: 'transpose before saving and pass it through numpy.ascontiguousarray',
      }),
    );
    return undefined;
  }
  const held = Math.floor((bytes.size - header.dataStart) / (height * width * channels));
  if (held < rows) {
    report(
      new DataError('truncated', where, {
        expected: `${rows} images`,
        got: `bytes for ${held}, ending in row ${held}`,
        advice: 'fetch or save the archive again',
      }),
    );
    return undefined;
  }
  return { height, width, channels };
}

async function readLabels({ where, header, bytes }: OpenArray, report: FaultSink) {
  const { shape, descr, dataStart } = header;
  if (shape.length === 0 || shape.length > 2 || (shape[1] ?? 1) !== 1) {
    report(
      new DataError('wrong-shape', where, {
        expected: 'one label an image, shape (N,) or (N, 1)',
        got: `(${shape.join(', ')})`,
        advice: 'save class indices, not one-hot rows: labels.argmax(axis=1)',
      }),
    );
    return undefined;
  }
  const data = new Uint8Array(bytes.size - dataStart);
  await bytes.read(data, dataStart);
  const itemBytes = Number(/\d+$/.exec(descr)?.[0] ?? 0);
  const complete = data.length >= itemBytes * shape[0];
  const values = complete ? integersFrom(data, descr, shape[0]) : undefined;
  if (values) return values;
  report(
    complete
      ? new DataError('wrong-dtype', where, {
          expected: 'integer labels',
          got: dtypeName(descr),
          advice: 'convert before saving: labels.astype("int64")',
        })
      : new DataError('truncated', where, {
          expected: `${shape[0]} labels`,
          got: `bytes for ${Math.floor(data.length / itemBytes)}`,
          advice: 'fetch or save the archive again',
        }),
  );
  return undefined;
}

function commonShape(tables: Partial<Record<Split, Table>>, report: FaultSink): ImageShape | undefined {
  const all = Object.values(tables);
  const first = all[0]?.shape;
  for (const { shape, where } of all) {
    if (shape.height === first.height && shape.width === first.width && shape.channels === first.channels) {
      continue;
    }
    report(
      new DataError('wrong-shape', where, {
        expected: `${first.height}×${first.width}×${first.channels} as in the first split`,
        got: `${shape.height}×${shape.width}×${shape.channels}`,
        advice: 'save all splits at one size',
      }),
    );
  }
  return first;
}
