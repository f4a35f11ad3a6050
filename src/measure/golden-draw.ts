/** The generator that the golden figures of this folder are drawn by, there in Python and here. */

/** Knuth's linear congruential generator modulo 2³², without its lowest bits: numbers from 0 to n − 1. */
export function goldenDraw(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return (state >>> 8) % n;
  };
}
