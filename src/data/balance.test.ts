import { expect, it } from 'vitest';
import { classWeights } from './balance.ts';

it('gives N / (K · n_c), as scikit-learn "balanced" does', () => {
  // compute_class_weight('balanced', classes=[0, 1, 2], y=[0]*6 + [1]*3 + [2]*1) = [0.5556, 1.1111, 3.3333]
  const weights = classWeights(Int32Array.of(0, 0, 0, 0, 0, 0, 1, 1, 1, 2), ['a', 'b', 'c']);
  expect([...weights]).toEqual([10 / 18, 10 / 9, 10 / 3].map(Math.fround));
});

it('names an empty class and a label outside', () => {
  expect(() => classWeights(Int32Array.of(0, 2), ['a', 'b', 'c'])).toThrow(/none of class 1 \(b\)/);
  expect(() => classWeights(Int32Array.of(0, 1, 3), ['a', 'b'])).toThrow(/labels from 0 to 1, got 3 at 2/);
  expect(() => classWeights(Int32Array.of(0, -1), ['a'])).toThrow(/got -1 at 1/);
});
