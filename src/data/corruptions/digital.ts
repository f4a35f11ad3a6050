/** What storing and scaling do to images. */
import sharp from 'sharp';
import { rawShape } from '../image.ts';
import { defineCorruption, MEDMNIST_C } from './corruption.ts';

export const jpeg = defineCorruption({
  title: 'JPEG',
  source: MEDMNIST_C,
  levels: [50, 30, 15, 10, 7],
  show: (quality) => `quality ${quality}`,
  apply: async (image, quality) => {
    const file = await sharp(image.data, { raw: rawShape(image) })
      .jpeg({ quality })
      .toBuffer();
    const decoded = sharp(file);
    return (image.channels === 1 ? decoded.toColourspace('b-w') : decoded).raw().toBuffer();
  },
});

export const pixelate = defineCorruption({
  title: 'Pixelation',
  source: MEDMNIST_C,
  levels: [0.6, 0.5, 0.4, 0.3, 0.25],
  show: (factor) => `${factor} of the side`,
  apply: ({ data, height, width, channels }, factor) => {
    const rows = bounds(height, factor);
    const columns = bounds(width, factor);
    const out = new Uint8ClampedArray(data.length);
    for (let r = 0; r + 1 < rows.length; r++) {
      for (let c = 0; c + 1 < columns.length; c++) {
        for (let channel = 0; channel < channels; channel++) {
          const at = (y: number, x: number) => (y * width + x) * channels + channel;
          let sum = 0;
          for (let y = rows[r]; y < rows[r + 1]; y++)
            for (let x = columns[c]; x < columns[c + 1]; x++) sum += data[at(y, x)];
          const mean = sum / ((rows[r + 1] - rows[r]) * (columns[c + 1] - columns[c]));
          for (let y = rows[r]; y < rows[r + 1]; y++)
            for (let x = columns[c]; x < columns[c + 1]; x++) out[at(y, x)] = mean;
        }
      }
    }
    return new Uint8Array(out.buffer);
  },
});

/** Where the blocks begin that a side is made of, and where the last one ends; each is one pixel or more. */
function bounds(side: number, factor: number): number[] {
  const blocks = Math.max(1, Math.floor(side * factor));
  return Array.from({ length: blocks + 1 }, (_, i) => Math.round((i * side) / blocks));
}
