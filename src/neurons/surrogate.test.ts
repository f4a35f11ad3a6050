import { describe, expect, it } from 'vitest';
import {
  arctan,
  fastSigmoid,
  rectangle,
  straightThrough,
  surrogateDerivative,
  triangle,
} from './surrogate.ts';

describe('surrogates', () => {
  it('have the values of their formulae', () => {
    expect(surrogateDerivative(fastSigmoid(25), 0.04)).toBeCloseTo(0.25, 12);
    expect(surrogateDerivative(arctan(2), 1 / Math.PI)).toBeCloseTo(0.5, 12);
    expect(surrogateDerivative(rectangle(0.5), 0.2)).toBe(2);
    expect(surrogateDerivative(rectangle(0.5), 0.25)).toBe(0);
    expect(surrogateDerivative(triangle(2), -1)).toBe(0.25);
    expect(surrogateDerivative(triangle(2), 2.5)).toBe(0);
    expect(surrogateDerivative(straightThrough(), 17)).toBe(1);
  });

  it('are symmetric and highest at the threshold', () => {
    for (const s of [fastSigmoid(), arctan(), rectangle(), triangle(), straightThrough()])
      for (const x of [0.1, 0.4, 0.7]) {
        expect(surrogateDerivative(s, x)).toBe(surrogateDerivative(s, -x));
        expect(surrogateDerivative(s, x)).toBeLessThanOrEqual(surrogateDerivative(s, 0));
      }
  });

  it('integrate to one step, where they should', () => {
    for (const s of [arctan(2), rectangle(0.7), triangle(0.6)]) {
      let sum = 0;
      for (let i = 0; i < 4_000_000; i++) sum += surrogateDerivative(s, (i + 0.5) / 100 - 20_000) / 100;
      expect(sum).toBeCloseTo(1, 3);
    }
  });

  it('refuse a slope that is not above 0', () => {
    expect(() => fastSigmoid(0)).toThrow(/fastSigmoid\(\): expected a parameter above 0, got 0/);
  });
});
