/**
 * Where the nucleus lies: known of the built-in smear, and of any folder of images beside which a folder of masks stands,
 * `masks/<name of the image>.png` with the nucleus white on black, as `soma data synth` leaves them.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Split } from '../data/dataset.ts';
import type { ImageShape } from '../data/image.ts';
import { readImageFile } from '../data/single.ts';
import { openSmear } from '../data/smear/source.ts';
import { mismatch } from '../errors.ts';
import { BUILT_IN } from '../train/data.ts';

/** 1 on the nucleus of an image of a split, else 0; height × width. */
export type ReadMask = (index: number, name: string) => Promise<Uint8Array>;

/**
 * @param source of the data, as `--data` has it
 * @param folder of masks that was asked for
 * @returns undefined where nothing is known
 * @throws SomaError where a mask is missing in a folder of masks
 */
export function openMasks(
  source: string,
  split: Split,
  { height, width }: Pick<ImageShape, 'height' | 'width'>,
  folder?: string,
): ReadMask | undefined {
  if (source === BUILT_IN && folder === undefined) {
    const smear = openSmear({ size: height }).splits[split];
    return async (index) => {
      const mask = new Uint8Array(height * width);
      await smear.mask(index, mask);
      return mask;
    };
  }
  const masks = folder ?? join(source, 'masks');
  if (folder === undefined && !existsSync(masks)) return undefined;
  return async (_, name) => {
    const file = join(masks, name.replace(/\.\w+$/, '.png'));
    if (!existsSync(file))
      throw mismatch(masks, `a mask of every image, ${file}`, 'none', 'name the right --masks');
    const grey = await readImageFile(file, { height, width, channels: 1 });
    return grey.map((x) => Number(x >= 128));
  };
}
