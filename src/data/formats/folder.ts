/**
 * Folders of images: `split/class/*` (splits named train or training; val, valid, validation or dev; test or
 * testing) or `class/*` without splits. Classes are the folders' names, sorted by code unit. Opening reads every
 * file, so that a text named `.jpg` is found at once and other pixels are other data; a file that is cut off shows
 * when it is decoded.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { forEachConcurrently } from '../concurrent.ts';
import type { Split } from '../dataset.ts';
import { DataError, type FaultSink, reason } from '../fault.ts';
import { decodeFile, IMAGE_ENDINGS, type ImageShape, sniffImage, writeChannels } from '../image.ts';
import { isImageName, listFolder } from '../image-files.ts';
import { type DataFormat, type RawSource, sha256 } from './format.ts';

const SPLIT_NAMES: Readonly<Record<string, Split>> = {
  train: 'train',
  training: 'train',
  dev: 'val',
  val: 'val',
  valid: 'val',
  validation: 'val',
  test: 'test',
  testing: 'test',
};

const OPEN_FILES = 16;
const HEAD_BYTES = 16;
/** Files of so many bytes are read whole for their fingerprint, of larger ones three parts. */
const WHOLE_BYTES = 1 << 20;
const PART_BYTES = 1 << 18;

export const folder: DataFormat = {
  id: 'folder',
  recognises: `a folder of images, split/class/* or class/* (${IMAGE_ENDINGS.join(' ')})`,
  detect: (_path, stats) => stats.isDirectory(),
  async open(path, { report, classes: given, resizes }) {
    const roots = await findSplits(path, report);
    const found = new Map<Split, ClassFolder[]>();
    for (const [split, dir] of roots) found.set(split, await listClasses(path, dir, report));
    const names = new Set([...found.values()].flat().map((entry) => entry.name));
    const classes = given ?? [...names].sort();
    if (classes.length === 0) {
      report(
        new DataError('empty-class', path, {
          expected: 'folders named after classes, with images in them',
          got: 'none',
          advice: 'lay the images out as class/image.png or train/class/image.png',
        }),
      );
      return undefined;
    }
    reportClasses(path, roots, found, classes, report);
    const files = new Map<Split, ImageFile[]>();
    for (const [split, folders] of found) {
      files.set(split, await sniffAll(path, folders, classes, report));
    }
    const all = [...files.values()].flat();
    const shape = await firstShape(path, all, report);
    if (!shape) return undefined;
    const splits: Partial<Record<Split, RawSource>> = {};
    for (const [split, list] of files) {
      splits[split] = new FolderSource(path, list, resizes);
    }
    const stamp = all.map((file) => `${file.name}:${file.stamp}`).join('\n');
    return { shape, classes, splits, stamp, close: async () => {} };
  },
};

/** Folders of the splits, relative to the root; the root itself is `train` when there are no splits. */
async function findSplits(root: string, report: FaultSink): Promise<Map<Split, string>> {
  const roots = new Map<Split, string>();
  const others: string[] = [];
  for (const { name: entry, isFolder } of await listFolder(root)) {
    const split = isFolder ? SPLIT_NAMES[entry.toLowerCase()] : undefined;
    if (!split) {
      others.push(entry);
      continue;
    }
    const other = roots.get(split);
    if (other) {
      throw new DataError('wrong-keys', root, {
        expected: `one folder for the split ${split}`,
        got: `${other} and ${entry}`,
        advice: 'keep one of them',
      });
    }
    roots.set(split, entry);
  }
  if (!roots.has('train')) return new Map([['train', '']]);
  for (const entry of others) reportIgnored(join(root, entry), 'folders of splits beside this', report);
  return roots;
}

interface ClassFolder {
  readonly name: string;
  /** Image files, relative to the root, `/` between folders. */
  readonly files: readonly string[];
}

async function listClasses(root: string, dir: string, report: FaultSink): Promise<ClassFolder[]> {
  const folders: ClassFolder[] = [];
  for (const { name, isFolder } of await listFolder(join(root, dir))) {
    const path = dir ? `${dir}/${name}` : name;
    if (!isFolder) {
      reportIgnored(join(root, path), 'class folders here', report);
      continue;
    }
    const files: string[] = [];
    for (const entry of await listFolder(join(root, path))) {
      const file = `${path}/${entry.name}`;
      if (!entry.isFolder && isImageName(entry.name)) files.push(file);
      else reportIgnored(join(root, file), `images (${IMAGE_ENDINGS.join(' ')})`, report);
    }
    folders.push({ name, files });
  }
  return folders;
}

function reportIgnored(where: string, expected: string, report: FaultSink): void {
  report(
    new DataError('ignored-entry', where, {
      expected,
      got: 'something else, which is passed over',
      advice: 'move it away if it does not belong to the data',
      severity: 'warning',
    }),
  );
}

function reportClasses(
  root: string,
  roots: ReadonlyMap<Split, string>,
  found: ReadonlyMap<Split, readonly ClassFolder[]>,
  classes: readonly string[],
  report: FaultSink,
): void {
  for (const [split, folders] of found) {
    const images = new Map(folders.map((entry) => [entry.name, entry.files.length]));
    const within = (name: string) => join(root, roots.get(split) ?? '', name);
    for (const name of images.keys()) {
      if (classes.includes(name)) continue;
      report(
        new DataError('label-out-of-range', within(name), {
          expected: `one of the classes ${classes.join(', ')}`,
          got: `a folder ${name}`,
          advice: 'rename the folder or give its class too',
        }),
      );
    }
    for (const name of classes) {
      if ((images.get(name) ?? 0) > 0) continue;
      // A class that cannot be learnt is an error; one that is only not measured is worth a word.
      const isEmptyFolder = images.has(name);
      report(
        new DataError('empty-class', within(name), {
          expected: `images of class ${name} in ${split}`,
          got: isEmptyFolder ? 'an empty folder' : 'no such folder',
          advice: 'add images, or remove the class everywhere',
          severity: split === 'train' || isEmptyFolder ? 'error' : 'warning',
        }),
      );
    }
  }
}

interface ImageFile {
  readonly name: string;
  readonly label: number;
  readonly stamp: string;
}

/** Reads each file, drops what is no image, and gives the rest in order of name. */
async function sniffAll(
  root: string,
  folders: readonly ClassFolder[],
  classes: readonly string[],
  report: FaultSink,
): Promise<ImageFile[]> {
  const wanted = folders.flatMap((entry) => {
    const label = classes.indexOf(entry.name);
    return label < 0 ? [] : entry.files.map((name) => ({ name, label }));
  });
  const files: (ImageFile | DataError)[] = new Array(wanted.length);
  await forEachConcurrently(wanted.length, OPEN_FILES, async (i) => {
    const { name, label } = wanted[i];
    const result = await sniffFile(join(root, name));
    files[i] = typeof result === 'string' ? { name, label, stamp: result } : result;
  });
  // Reported in order of name, whatever the order in which the reads came back.
  return files.filter((file): file is ImageFile => {
    if (!(file instanceof DataError)) return true;
    report(file);
    return false;
  });
}

/** What tells the file from one with other pixels, or what is wrong with it. */
async function sniffFile(path: string): Promise<string | DataError> {
  let got: string;
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const head = Buffer.alloc(size <= WHOLE_BYTES ? size : PART_BYTES);
      const { bytesRead } = await file.read(head, 0, head.length, 0);
      if (sniffImage(head.subarray(0, HEAD_BYTES))) return await stampOf(file, size, head);
      got =
        bytesRead === 0
          ? 'an empty file'
          : `a file that begins with ${printable(head, Math.min(bytesRead, HEAD_BYTES))}`;
    } finally {
      await file.close();
    }
  } catch (error) {
    got = reason(error);
  }
  return new DataError('not-an-image', path, {
    expected: 'a JPEG, PNG, WebP, TIFF or BMP image',
    got,
    advice: 'remove the file or put the real image in its place',
  });
}

/** Length and digest: of small files, as cells are, all bytes count; of larger ones beginning, middle and end. */
async function stampOf(file: FileHandle, size: number, head: Buffer): Promise<string> {
  const parts = [head];
  if (size > head.length)
    for (const at of [Math.floor((size - PART_BYTES) / 2), size - PART_BYTES]) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(PART_BYTES), 0, PART_BYTES, at);
      parts.push(buffer.subarray(0, bytesRead));
    }
  return `${size}:${sha256(Buffer.concat(parts)).slice(0, 16)}`;
}

function printable(head: Buffer, length: number): string {
  const text = head.toString('latin1', 0, length);
  return /^[\x20-\x7e\s]*$/.test(text) ? JSON.stringify(text) : `bytes ${head.toString('hex', 0, 8)}`;
}

async function firstShape(
  root: string,
  files: readonly ImageFile[],
  report: FaultSink,
): Promise<ImageShape | undefined> {
  for (const { name } of files) {
    try {
      const { height, width } = await decodeFile(join(root, name));
      return { height, width, channels: 3 };
    } catch (error) {
      report(unreadable(join(root, name), error));
    }
  }
  return undefined;
}

function unreadable(path: string, error: unknown): DataError {
  return new DataError('unreadable-image', path, {
    expected: 'a complete image',
    got: reason(error),
    advice: 'fetch or save the file again, or remove it',
    cause: error,
  });
}

class FolderSource implements RawSource {
  readonly labels: Int32Array;
  readonly #root: string;
  readonly #files: readonly ImageFile[];
  readonly #resizes: boolean;

  constructor(root: string, files: readonly ImageFile[], resizes: boolean) {
    this.#root = root;
    this.#files = files;
    this.#resizes = resizes;
    this.labels = Int32Array.from(files, (file) => file.label);
  }

  get length(): number {
    return this.#files.length;
  }

  name(index: number): string {
    return this.#files[index].name;
  }

  async contentHash(index: number): Promise<string> {
    const path = join(this.#root, this.name(index));
    return sha256(
      await readFile(path).catch((error) => {
        throw unreadable(path, error);
      }),
    );
  }

  async read(index: number, target: Uint8Array, shape: ImageShape): Promise<void> {
    const path = join(this.#root, this.name(index));
    const size = this.#resizes ? shape : undefined;
    const pixels = await decodeFile(path, size).catch((error) => {
      throw unreadable(path, error);
    });
    if (pixels.height !== shape.height || pixels.width !== shape.width) {
      throw new DataError('other-size', path, {
        expected: `${shape.height}×${shape.width} pixels, as the first image has`,
        got: `${pixels.height}×${pixels.width}`,
        advice: 'ask for a size, to which all images are then resized',
      });
    }
    writeChannels(pixels, target, shape.channels);
  }
}
