/** A source whose images are read and decoded once and then held, as bytes, within a bound. */
import { type ImageSource, readThrough } from './dataset.ts';
import { type ImageShape, imageBytes } from './image.ts';

/** Bytes that are held at most. */
const BOUND = 2 ** 30;

/** The same images; what does not fit in the bound is read anew each time. */
export function heldInMemory(source: ImageSource, shape: ImageShape): ImageSource {
  const bytes = imageBytes(shape);
  const held = new Map<number, Uint8Array>();
  return readThrough(source, async (index, target) => {
    const known = held.get(index);
    if (known) {
      target.set(known);
      return;
    }
    await source.read(index, target);
    if ((held.size + 1) * bytes <= BOUND) held.set(index, target.slice(0, bytes));
  });
}
