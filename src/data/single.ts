/** One image by itself, from a file, and as the network takes it. */
import { mismatch, SomaError } from '../errors.ts';
import { reason } from './fault.ts';
import { decodeFile, type ImageShape, imageBytes, writeChannels } from './image.ts';
import { toPlanes, toValues, valueTable } from './planar.ts';

/** Pixels of a file as bytes, NHWC, stretched to the shape. @throws SomaError where it is no image */
export async function readImageFile(file: string, shape: ImageShape): Promise<Uint8Array> {
  const pixels = await decodeFile(file, shape).catch((error) => {
    throw new SomaError(`${file}: expected an image, got ${reason(error)}; check the file`);
  });
  const interleaved = new Uint8Array(imageBytes(shape));
  writeChannels(pixels, interleaved, shape.channels);
  return interleaved;
}

/**
 * Bytes of images, NHWC, as the loader would give them: f32 [N, C, H, W] in [0, 1].
 * @throws SomaError where an image has more or fewer bytes than its shape says
 */
export function imageValues(images: readonly Uint8Array[], shape: ImageShape): Float32Array {
  const bytes = imageBytes(shape);
  const table = valueTable(shape.channels);
  const planes = new Uint8Array(bytes);
  const values = new Float32Array(images.length * bytes);
  for (const [i, image] of images.entries()) {
    if (image.length !== bytes)
      throw mismatch(
        'imageValues()',
        `${bytes} bytes an image (${shape.height}×${shape.width}×${shape.channels})`,
        image.length,
        'leave out alpha, and resize it to the shape',
      );
    toPlanes(image, shape, planes);
    toValues(planes, table, values, i * bytes);
  }
  return values;
}
