/** Numbers by a formula that the Python scripts beside this repeat, so that weights and images need not be stored. */
import { size } from '../../src/graph/value.ts';

export function pattern(shape: readonly number[], scale: number, phase: number, offset = 0): Float32Array {
  return Float32Array.from(
    { length: size(shape) },
    (_, i) => offset + scale * Math.sin(i * i * 0.013 + i * 1.7 + phase),
  );
}
