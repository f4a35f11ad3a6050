/**
 * The synthetic smear as files: `split/class/number.png`, the form that image folders are read in, and
 * `masks/split/class/number.png` with the nucleus white on black.
 */
import { access, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import sharp from 'sharp';
import { mismatch } from '../../errors.ts';
import { makeFolder } from '../../files.ts';
import { SPLITS } from '../dataset.ts';
import { SMEAR_CLASSES } from './classes.ts';
import { openSmear, type SmearOptions } from './source.ts';

export interface WriteSmearOptions extends SmearOptions {
  /** Whether to write the nucleus masks; default true. */
  masks?: boolean;
  /** Called after each image. */
  onProgress?: (done: number, total: number) => void;
}

/**
 * Writes the smear into a folder that does not exist yet or is empty. The files are written aside and
 * renamed, so a smear is there whole or not at all.
 * @returns how many images were written
 * @throws SomaError if the folder holds something already
 */
export async function writeSmear(folder: string, options: WriteSmearOptions = {}): Promise<number> {
  const { masks = true, onProgress, ...smear } = options;
  const dataset = openSmear({ ...smear, cacheBytes: 0 });
  const target = resolve(folder);
  if ((await entries(target)) > 0) {
    throw mismatch(folder, 'an empty or new folder', 'one with files in it', 'name another, or empty it');
  }
  const aside = `${target}.partial-${process.pid}`;
  try {
    const written = await writeAll(aside, dataset, masks, onProgress);
    await makeFolder(dirname(target));
    await rename(aside, target);
    return written;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function entries(folder: string): Promise<number> {
  try {
    await access(folder);
  } catch {
    return 0;
  }
  return (await readdir(folder)).length;
}

async function writeAll(
  folder: string,
  { height, width, splits }: ReturnType<typeof openSmear>,
  masks: boolean,
  onProgress?: (done: number, total: number) => void,
): Promise<number> {
  const total = SPLITS.reduce((sum, split) => sum + splits[split].length, 0);
  let done = 0;
  for (const split of SPLITS) {
    for (const cls of SMEAR_CLASSES) {
      await makeFolder(join(folder, split, cls));
      if (masks) await makeFolder(join(folder, 'masks', split, cls));
    }
    const source = splits[split];
    for (let index = 0; index < source.length; index++) {
      const { image, nucleusMask } = source.draw(index);
      const name = source.name(index);
      await sharp(image, { raw: { width, height, channels: 3 } })
        .png()
        .toFile(join(folder, name));
      if (masks) {
        const white = nucleusMask.map((value) => 255 * value);
        const png = sharp(white, { raw: { width, height, channels: 1 } }).png();
        await png.toFile(join(folder, 'masks', name));
      }
      done++;
      onProgress?.(done, total);
    }
  }
  return done;
}
