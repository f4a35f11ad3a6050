/**
 * Random numbers inside a step: a hash of (seed, step, stream, element), not a generator with state. Any
 * engine, thread or resumed run that asks for the same element gets the same number.
 */

/** Bijective mixing of 32 bits (Ettinger's triple of xor-shifts and two multiplications). */
function mix(x: number): number {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
}

/** Uniform 24-bit integer for each element of one op (`stream`) in one step. */
export function noise(seed: number, step: number, stream: number): (element: number) => number {
  const key = mix(seed ^ mix((step + mix(stream)) | 0));
  return (element) => mix((mix(element ^ key) + key) | 0) >>> 8;
}

/** A probability as the number of 24-bit integers below it. */
export function probability24(p: number): number {
  return Math.round(p * 0x1000000);
}
