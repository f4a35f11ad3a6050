/** Writers of small data files for tests: `.npy` arrays, zip archives, IDX files, sources in memory. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { afterAll } from 'vitest';
import type { ImageSource } from '../src/data/dataset.ts';
import { random } from '../src/random.ts';

/** A new folder, removed after the tests of the file. Call it outside of tests. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'soma-test-'));
  afterAll(() => rm(folder, { recursive: true }));
  return folder;
}

/** A `.npy` file, version 1. @param descr NumPy's type string, e.g. `|u1` */
export function npy(descr: string, shape: readonly number[], data: Uint8Array, fortran = false): Buffer {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const order = fortran ? 'True' : 'False';
  let header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${dims}), }`;
  header = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11, ' ');
  const text = `${header}\n`;
  const prefix = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8]);
  return Buffer.concat([prefix, Buffer.from(text, 'latin1'), data]);
}

/** A zip archive of the members, stored or deflated. */
export function zip(members: Readonly<Record<string, Uint8Array>>, method: 'stored' | 'deflated'): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, content] of Object.entries(members)) {
    const body = method === 'stored' ? Buffer.from(content) : deflateRawSync(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(method === 'stored' ? 0 : 8, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(body.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), body]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    const made = Buffer.from([20, 0]);
    directory.push(
      Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), made, common, tail, Buffer.from(name)]),
    );
    locals.push(local);
    at += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(locals.length, 8);
  end.writeUInt16LE(locals.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, central, end]);
}

/** Pixels that differ from image to image and repeat by seed. */
export function noise(bytes: number, seed = 0): Uint8Array {
  const draw = random(seed, 'noise');
  return Uint8Array.from({ length: bytes }, () => draw.int(256));
}

export interface NpzSplit {
  images: Uint8Array;
  /** (N, H, W) or (N, H, W, 3). */
  shape: readonly number[];
  labels: readonly number[];
}

/** The six members of a MedMNIST archive; labels as uint8 (N, 1). */
export function medmnist(
  splits: Readonly<Record<'train' | 'val' | 'test', NpzSplit>>,
): Record<string, Buffer> {
  const members: Record<string, Buffer> = {};
  for (const [split, { images, shape, labels }] of Object.entries(splits)) {
    members[`${split}_images.npy`] = npy('|u1', shape, images);
    members[`${split}_labels.npy`] = npy('|u1', [labels.length, 1], Uint8Array.from(labels));
  }
  return members;
}

/** An IDX file of uint8 values. */
export function idx(dims: readonly number[], data: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header[2] = 0x08;
  header[3] = dims.length;
  for (const [i, dim] of dims.entries()) header.writeUInt32BE(dim, 4 + 4 * i);
  return Buffer.concat([header, data]);
}

/** Images in memory as a source; counts the reads of each. */
export function memorySource(
  images: readonly Uint8Array[],
  labels: readonly number[] = images.map(() => 0),
): ImageSource & { reads: number[] } {
  const reads = images.map(() => 0);
  return {
    reads,
    length: images.length,
    labels: Int32Array.from(labels),
    name: (index) => `image[${index}]`,
    async read(index, target) {
      reads[index]++;
      await Promise.resolve();
      target.set(images[index]);
    },
  };
}
