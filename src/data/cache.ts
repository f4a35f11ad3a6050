/**
 * Decoded pixels kept over the epochs, within a bound of bytes that several sources share.
 *
 * What was kept first stays: with a new random order each epoch every image is equally likely to come next, so
 * throwing one out for another gains nothing, and in a cache smaller than the data "least recently used" would
 * throw out what is about to come. Pixels are planar (CHW), 8 bits.
 */
import type { ImageSource } from './dataset.ts';

const MIB = 2 ** 20;
const CHUNK_IMAGES = 64;

export class PixelCache {
  readonly maxBytes: number;
  #bytes = 0;
  readonly #shelves = new WeakMap<ImageSource, Shelf>();

  /** @param maxBytes bound of all pixels held; default 512 MiB, 0 keeps nothing */
  constructor(maxBytes: number = 512 * MIB) {
    this.maxBytes = maxBytes;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The part of the cache that belongs to a source. @param imageBytes bytes of one image */
  shelf(source: ImageSource, imageBytes: number): Shelf {
    let shelf = this.#shelves.get(source);
    if (!shelf) {
      shelf = new Shelf(source.length, imageBytes, (images) => {
        const granted = Math.min(images, Math.floor((this.maxBytes - this.#bytes) / imageBytes));
        this.#bytes += granted * imageBytes;
        return granted;
      });
      this.#shelves.set(source, shelf);
    }
    return shelf;
  }
}

/** Cached images of one source. */
export class Shelf {
  readonly #slots: Int32Array;
  readonly #imageBytes: number;
  readonly #reserve: (images: number) => number;
  readonly #chunks: Uint8Array[] = [];
  #used = 0;
  #capacity = 0;

  /** @param reserve asks for room for some images and gets it for that many or fewer */
  constructor(images: number, imageBytes: number, reserve: (images: number) => number) {
    this.#slots = new Int32Array(images).fill(-1);
    this.#imageBytes = imageBytes;
    this.#reserve = reserve;
  }

  /** The pixels of an image, to be read only; undefined when it is not held. */
  get(index: number): Uint8Array | undefined {
    const slot = this.#slots[index];
    return slot < 0 ? undefined : this.#at(slot);
  }

  /** Copies the pixels of an image into the cache if there is room. */
  put(index: number, pixels: Uint8Array): void {
    if (this.#slots[index] >= 0) return;
    if (this.#used === this.#capacity) {
      // A smaller last chunk ends the shelf: slots are found by whole chunks.
      const isEnded = this.#capacity % CHUNK_IMAGES !== 0;
      const wanted = Math.min(CHUNK_IMAGES, this.#slots.length - this.#used);
      const granted = isEnded ? 0 : this.#reserve(wanted);
      if (granted === 0) return;
      this.#chunks.push(new Uint8Array(granted * this.#imageBytes));
      this.#capacity += granted;
    }
    this.#at(this.#used).set(pixels);
    this.#slots[index] = this.#used++;
  }

  #at(slot: number): Uint8Array {
    const start = (slot % CHUNK_IMAGES) * this.#imageBytes;
    return this.#chunks[Math.floor(slot / CHUNK_IMAGES)].subarray(start, start + this.#imageBytes);
  }
}
