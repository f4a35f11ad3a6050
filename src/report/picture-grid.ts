/** Images side by side in one picture: rows of pixels, channels last, on white. */
import type { ImageShape } from '../data/image.ts';

/** Pixels of white between images. */
const GAP = 4;

export interface PictureGrid extends ImageShape {
  readonly pixels: Uint8Array;
}

/**
 * @param rows images of `shape` as bytes, NHWC; as many in each row
 * @param scale each pixel becomes scale × scale
 */
export function pictureGrid(
  rows: readonly (readonly Uint8Array[])[],
  shape: ImageShape,
  scale: number,
): PictureGrid {
  const { channels } = shape;
  const [cellWidth, cellHeight] = [shape.width * scale + GAP, shape.height * scale + GAP];
  const width = Math.max(1, (rows[0]?.length ?? 0) * cellWidth - GAP);
  const height = Math.max(1, rows.length * cellHeight - GAP);
  const pixels = new Uint8Array(width * height * channels).fill(255);
  for (const [r, row] of rows.entries())
    for (const [c, image] of row.entries())
      for (let y = 0; y < shape.height * scale; y++)
        for (let x = 0; x < shape.width * scale; x++) {
          const from = (Math.floor(y / scale) * shape.width + Math.floor(x / scale)) * channels;
          const to = ((r * cellHeight + y) * width + c * cellWidth + x) * channels;
          pixels.set(image.subarray(from, from + channels), to);
        }
  return { width, height, channels, pixels };
}
