/** A contact sheet of the synthetic smear: one row a class, in the order of `SMEAR_CLASSES`. */
import sharp from 'sharp';
import { random } from '../../random.ts';
import { SMEAR_CLASSES } from './classes.ts';
import { drawCell } from './draw.ts';

export interface SmearSheetOptions {
  /** Pixels a side of each cell's image; default 64. */
  size?: number;
  /** Cells of each class; default 12. */
  columns?: number;
  seed?: number;
  difficulty?: number;
}

/** Draws the sheet: a PNG of (columns · size) × (8 · size) pixels. */
export async function smearSheet(options: SmearSheetOptions = {}): Promise<Buffer> {
  const { size = 64, columns = 12, seed = 0, difficulty = 0.5 } = options;
  const width = columns * size;
  const height = SMEAR_CLASSES.length * size;
  const sheet = new Uint8Array(width * height * 3);
  SMEAR_CLASSES.forEach((cls, row) => {
    for (let column = 0; column < columns; column++) {
      const { image } = drawCell(cls, size, random(seed, 'smear sheet', cls, column), { difficulty });
      for (let y = 0; y < size; y++) {
        const line = image.subarray(y * size * 3, (y + 1) * size * 3);
        sheet.set(line, ((row * size + y) * width + column * size) * 3);
      }
    }
  });
  return sharp(sheet, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
