/**
 * Images that are the same: byte for byte (SHA-256 of the decoded pixels) or nearly (perceptual hash, then
 * the mean absolute difference of the pixels).
 *
 * Candidates within 7 bits are found by multi-index hashing: of eight bytes of a hash at least one is equal
 * in two hashes that differ in at most 7 bits, so it suffices to compare within the buckets of each byte
 * (Norouzi et al. 2012). Nothing within the distance is missed. Mirrored or turned copies are not near.
 */
import { createHash } from 'node:crypto';
import { forEachConcurrently } from './concurrent.ts';
import type { ImageSource } from './dataset.ts';
import { type ImageShape, imageBytes } from './image.ts';
import { hammingDistance, perceptualHasher, THUMB_BYTES } from './phash.ts';

/** Largest Hamming distance of candidates: one less than the number of buckets tables. */
const MAX_DISTANCE = 7;
const BANDS = 8;
const READS = 4;

/** Mean absolute difference in grey levels (0 to 255) up to which images count as nearly the same. */
export const NEAR_DIFFERENCE = 4;

/** What is kept of each image: about 300 bytes. */
export interface Signatures {
  /** Digest of the pixels; empty where the image could not be read. */
  readonly digests: string[];
  readonly high: Int32Array;
  readonly low: Int32Array;
  readonly thumbs: Uint8Array;
}

/**
 * Reads every image once.
 * @param onFault receives the error of an image that cannot be read; without it the first one is thrown
 */
export async function signaturesOf(
  source: ImageSource,
  shape: ImageShape,
  options: { onFault?: (error: unknown) => void; onProgress?: (done: number) => void } = {},
): Promise<Signatures> {
  const count = source.length;
  const signatures: Signatures = {
    digests: new Array<string>(count).fill(''),
    high: new Int32Array(count),
    low: new Int32Array(count),
    thumbs: new Uint8Array(count * THUMB_BYTES),
  };
  const hash = perceptualHasher(shape);
  let done = 0;
  await forEachConcurrently(count, READS, async (i) => {
    const pixels = new Uint8Array(imageBytes(shape));
    try {
      await source.read(i, pixels);
      const thumb = signatures.thumbs.subarray(i * THUMB_BYTES, (i + 1) * THUMB_BYTES);
      const { high, low } = hash(pixels, thumb);
      signatures.high[i] = high;
      signatures.low[i] = low;
      signatures.digests[i] = createHash('sha256').update(pixels).digest('base64');
    } catch (error) {
      if (!options.onFault) throw error;
      options.onFault(error);
    }
    options.onProgress?.(++done);
  });
  return signatures;
}

/** Groups of two or more images with the same pixels; indices rising. */
export function identicalGroups({ digests }: Signatures): number[][] {
  const groups = new Map<string, number[]>();
  for (let i = 0; i < digests.length; i++) {
    if (!digests[i]) continue;
    const group = groups.get(digests[i]);
    if (group) group.push(i);
    else groups.set(digests[i], [i]);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

export interface NearPair {
  readonly a: number;
  readonly b: number;
  /** Mean absolute difference of the pixels, in grey levels. */
  readonly difference: number;
}

/**
 * Pairs of nearly, but not exactly, the same images. Of images with the same pixels only the first one is
 * looked at.
 * @param limit largest mean absolute difference in grey levels
 */
export async function nearPairs(
  source: ImageSource,
  shape: ImageShape,
  signatures: Signatures,
  limit: number = NEAR_DIFFERENCE,
): Promise<NearPair[]> {
  const candidates = candidatePairs(signatures, limit);
  const found: NearPair[] = [];
  await forEachConcurrently(candidates.length, READS, async (i) => {
    const [a, b] = candidates[i];
    const pixels = [new Uint8Array(imageBytes(shape)), new Uint8Array(imageBytes(shape))] as const;
    await source.read(a, pixels[0]);
    await source.read(b, pixels[1]);
    const difference = meanDifference(pixels[0], pixels[1]);
    if (difference <= limit) found.push({ a, b, difference });
  });
  return found.sort((p, q) => p.a - q.a || p.b - q.b);
}

function candidatePairs({ digests, high, low, thumbs }: Signatures, limit: number): [number, number][] {
  const first = new Set<string>(['']);
  const representatives: number[] = [];
  for (let i = 0; i < digests.length; i++) {
    if (first.has(digests[i])) continue;
    first.add(digests[i]);
    representatives.push(i);
  }
  const pairs: [number, number][] = [];
  for (let band = 0; band < BANDS; band++) {
    const buckets: number[][] = Array.from({ length: 256 }, () => []);
    for (const i of representatives) buckets[byteOf(high[i], low[i], band)].push(i);
    for (const bucket of buckets) {
      for (let p = 0; p < bucket.length; p++) {
        const a = bucket[p];
        for (let q = p + 1; q < bucket.length; q++) {
          const b = bucket[q];
          if (hammingDistance(high[a], low[a], high[b], low[b]) > MAX_DISTANCE) continue;
          // The mean over parts of the image cannot differ more than the image does, so this loses nothing
          // but what rounding and the weights of the colours make of it.
          if (thumbDifference(thumbs, a, b) > limit + 1) continue;
          if (!sharesEarlierBand(high[a] ^ high[b], low[a] ^ low[b], band)) pairs.push([a, b]);
        }
      }
    }
  }
  return pairs;
}

function byteOf(high: number, low: number, band: number): number {
  return band < 4 ? (low >>> (8 * band)) & 0xff : (high >>> (8 * (band - 4))) & 0xff;
}

/** Whether the pair was already met in the bucket of an earlier byte. */
function sharesEarlierBand(high: number, low: number, band: number): boolean {
  for (let earlier = 0; earlier < band; earlier++) if (byteOf(high, low, earlier) === 0) return true;
  return false;
}

function thumbDifference(thumbs: Uint8Array, a: number, b: number): number {
  let sum = 0;
  for (let i = 0, p = a * THUMB_BYTES, q = b * THUMB_BYTES; i < THUMB_BYTES; i++, p++, q++) {
    sum += Math.abs(thumbs[p] - thumbs[q]);
  }
  return sum / THUMB_BYTES;
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i] - b[i]);
  return sum / a.length;
}

/**
 * Group of each image such that identical and nearly identical ones share it, also by way of a third.
 * @returns group numbers, for `splitStratified`
 */
export async function nearDuplicateGroups(source: ImageSource, shape: ImageShape): Promise<Int32Array> {
  const signatures = await signaturesOf(source, shape);
  const parent = Int32Array.from({ length: source.length }, (_, i) => i);
  const root = (i: number): number => {
    let at = i;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]];
      at = parent[at];
    }
    return at;
  };
  const join = (a: number, b: number) => {
    parent[root(b)] = root(a);
  };
  for (const group of identicalGroups(signatures)) for (const i of group) join(group[0], i);
  for (const { a, b } of await nearPairs(source, shape, signatures)) join(a, b);
  return parent.map((_, i) => root(i));
}
