/** Writing files so that a kill leaves either the old one or the new one, whole; and journals, line by line. */
import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EXIT, SomaError } from './errors.ts';

const PART = '.part';

/** A name beside `path` that nobody else has, on whatever machine: processes of two containers have the same number. */
export function nameAside(path: string): string {
  return `${path}.${randomUUID().slice(0, 8)}${PART}`;
}

/** Removes what processes that were killed while they wrote these files left beside them. Only where nobody else may write them. */
export async function removeLeftovers(folder: string, names: readonly string[]): Promise<void> {
  const isAside = (file: string) => file.endsWith(PART) && names.some((name) => file.startsWith(`${name}.`));
  for (const file of (await readdir(folder)).filter(isAside)) await rm(join(folder, file), { force: true });
}

/** Writes beside `path`, makes sure that it is on the disk, and renames. Throws a SomaError naming the path. */
export async function writeAside(
  path: string,
  data: string | Uint8Array | Iterable<Uint8Array>,
): Promise<void> {
  const aside = nameAside(path);
  try {
    const file = await open(aside, 'w');
    try {
      await writeFile(file, data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw unwritable(path, error);
  }
}

/**
 * Values of a file with one JSON value a line; a line that was cut off by a kill is left out, and no file has none.
 * Throws where there is one that cannot be read: who took it for none would write over it.
 */
export async function readJsonLines<Line>(path: string): Promise<Line[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw new SomaError(
      `${path}: expected a file that can be read, got ${error.message}; check its permissions`,
    );
  });
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Line];
    } catch {
      return [];
    }
  });
}

/** One line, as `appendJsonLines`. */
export function appendJsonLine(path: string, value: object): Promise<void> {
  return appendJsonLines(path, [value]);
}

/** One write of all lines: processes that share the file do not tear each other's. A last line that was cut off is ended first. */
export async function appendJsonLines(path: string, values: readonly object[]): Promise<void> {
  const text = values.map((value) => `${JSON.stringify(value)}\n`).join('');
  try {
    await appendFile(path, (await isCutOff(path)) ? `\n${text}` : text);
  } catch (error) {
    throw unwritable(path, error);
  }
}

async function isCutOff(path: string): Promise<boolean> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  if (size === 0) return false;
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
    return buffer.toString() !== '\n';
  } finally {
    await file.close();
  }
}

/** Makes a folder and those above it, if they are not there. Throws a SomaError naming it. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error) => {
    throw unwritable(path, error);
  });
}

/** What to say where a file or folder cannot be written. */
export function unwritable(path: string, error: unknown): SomaError {
  const reason = error instanceof Error ? error.message : String(error);
  return new SomaError(
    `${path}: expected a place that can be written, got ${reason}; check permissions and free space of ${dirname(path)}`,
    EXIT.unwritable,
    { cause: error },
  );
}
