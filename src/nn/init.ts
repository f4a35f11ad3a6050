/**
 * Initialisers of both frameworks. Each parameter draws from a stream of its own, named after it, so that
 * adding a layer does not change the weights of another.
 */

import { size } from '../graph/value.ts';
import { random } from '../random.ts';

/** Fills a parameter of the given shape: [O, C/groups, kh, kw] for convolutions, [O, F] for dense layers. */
export type Initializer = (shape: readonly number[], seed: number, name: string) => Float32Array;

/** Inputs and outputs that one weight connects. */
function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  const field = size(shape.slice(2));
  return { fanIn: shape[1] * field, fanOut: shape[0] * field };
}

/** Drawn one by one; `Float32Array.from` would make an object of each number on its way. */
function fill(shape: readonly number[], draw: () => number): Float32Array {
  const values = new Float32Array(size(shape));
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
}

function uniform(limit: (shape: readonly number[]) => number): Initializer {
  return (shape, seed, name) => {
    const rng = random(seed, 'init', name);
    const bound = limit(shape);
    return fill(shape, () => rng.uniform(-bound, bound));
  };
}

/** U(±√(6/(fan_in + fan_out))): Keras's default for kernels. Glorot and Bengio 2010. */
export const glorotUniform = uniform((shape) => {
  const { fanIn, fanOut } = fans(shape);
  return Math.sqrt(6 / (fanIn + fanOut));
});

/** U(±1/√fan_in): PyTorch's default for kernels (Kaiming uniform with a = √5). */
export const torchUniform = uniform((shape) => 1 / Math.sqrt(fans(shape).fanIn));

/** U(±1/√fanIn) with the kernel's fan-in: PyTorch's default for biases. */
export const torchBias = (fanIn: number): Initializer => uniform(() => 1 / Math.sqrt(fanIn));

/** What a normal distribution cut off at two standard deviations keeps of its standard deviation. */
const TRUNCATED_DEVIATION = 0.87962566103423978;

/** Normal with deviation √(2/fan_in), cut off at two deviations before scaling, as Keras does. He et al. 2015. */
export const heNormal: Initializer = (shape, seed, name) => {
  const rng = random(seed, 'init', name);
  const deviation = Math.sqrt(2 / fans(shape).fanIn) / TRUNCATED_DEVIATION;
  const draw = (): number => {
    const z = rng.normal();
    return Math.abs(z) <= 2 ? z * deviation : draw();
  };
  return fill(shape, draw);
};

/** One value everywhere. */
export const constant =
  (value: number): Initializer =>
  (shape) =>
    new Float32Array(size(shape)).fill(value);
