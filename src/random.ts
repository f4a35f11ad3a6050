/**
 * The one source of randomness: a generator that is made from a seed and passed in, never global.
 * Streams are keyed by words (`random(seed, 'shuffle', epoch)`), so no state has to travel through
 * checkpoints: the same key gives the same numbers, whatever was drawn before.
 */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

export interface Random {
  /** Uniform in [0, 1). */
  uniform(low?: number, high?: number): number;
  /** Uniform integer in [0, n). */
  int(n: number): number;
  /** Standard normal deviate. */
  normal(): number;
  /** Shuffles in place (Fisher–Yates) and returns the same array. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T;
}

/** Kernels draw by 32 bits of a seed: a larger one would be a smaller one again. */
export const MOST_SEED = 2 ** 32 - 1;

/** A generator for the stream that `seed` and `key` name. */
export function random(seed: number, ...key: (string | number)[]): Random {
  const generator = xoroshiro128plus(hash([seed, ...key].join('\u0000')));
  const uniform = (low = 0, high = 1) => low + (high - low) * uniformFloat64(generator);
  const int = (n: number) => uniformInt(generator, 0, n - 1);
  return {
    uniform,
    int,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    shuffle: (items) => {
      const array = items as { length: number; [index: number]: unknown };
      for (let i = array.length - 1; i > 0; i--) {
        const j = int(i + 1);
        [array[i], array[j]] = [array[j], array[i]];
      }
      return items;
    },
  };
}

/** 32-bit FNV-1a with a final avalanche: turns a key into a seed. */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}
