/** The images that a user names: files as they are, folders as all that lies in them. */
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { mismatch } from '../errors.ts';
import { IMAGE_ENDINGS } from './image.ts';

export interface FolderEntry {
  readonly name: string;
  readonly isFolder: boolean;
}

/** Entries of a folder by name, links followed; hidden ones and what systems leave behind are passed over. */
export async function listFolder(dir: string): Promise<FolderEntry[]> {
  const entries: FolderEntry[] = [];
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    if (entry.name.startsWith('.') || entry.name === 'Thumbs.db' || entry.name === 'desktop.ini') continue;
    const isFolder = entry.isSymbolicLink()
      ? // What leads nowhere is a file that cannot be opened, and is reported as one.
        await isDirectory(join(dir, entry.name))
      : entry.isDirectory();
    entries.push({ name: entry.name, isFolder });
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function isImageName(name: string): boolean {
  return IMAGE_ENDINGS.includes(extname(name).toLowerCase());
}

/**
 * A file is returned as it is, whether it exists or not; a folder as the images in it and in the folders below, by name.
 * @throws SomaError where a folder has none
 */
export async function findImages(path: string): Promise<string[]> {
  if (!(await isDirectory(path))) return [path];
  const files = await imagesBelow(path, new Set());
  if (files.length === 0) throw mismatch(path, `images (${IMAGE_ENDINGS.join(' ')})`, 'none');
  return files;
}

async function imagesBelow(dir: string, above: ReadonlySet<string>): Promise<string[]> {
  // A link to a folder above would be walked for ever.
  const { dev, ino } = await stat(dir, { bigint: true });
  const identity = `${dev}:${ino}`;
  if (above.has(identity)) return [];
  const files: string[] = [];
  for (const { name, isFolder } of await listFolder(dir)) {
    const path = join(dir, name);
    if (isFolder) files.push(...(await imagesBelow(path, new Set([...above, identity]))));
    else if (isImageName(name)) files.push(path);
  }
  return files;
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (to) => to.isDirectory(),
    () => false,
  );
}
