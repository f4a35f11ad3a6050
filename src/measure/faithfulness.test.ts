/** Figures of heat maps, held against numbers made by hand. */
import { describe, expect, it } from 'vitest';
import { random } from '../random.ts';
import { areaShare, areaUnder, heatShare, meansOver, orderByHeat, pointingHit } from './faithfulness.ts';

const draw = () => random(3, 'order');

describe('orderByHeat()', () => {
  it('takes the hottest first', () => {
    expect([...orderByHeat([0.1, 0.9, -1, 0.5], draw())]).toEqual([1, 3, 0, 2]);
  });
  it('draws the order of equals, and not by their places', () => {
    const flat = new Float32Array(1000);
    flat[7] = 1;
    const order = orderByHeat(flat, draw());
    expect(order[0]).toBe(7);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    const firstHalf = order.subarray(0, 500).reduce((sum, i) => sum + i, 0) / 500;
    expect(Math.abs(firstHalf - 499.5)).toBeLessThan(50);
    expect([...orderByHeat(flat, draw())]).toEqual([...order]);
  });
});

it('the area under a curve is that of its trapezoids', () => {
  expect(areaUnder([1, 1, 1])).toBe(1);
  expect(areaUnder([1, 0])).toBe(0.5);
  expect(areaUnder([1, 0.5, 0.2, 0])).toBeCloseTo((0.75 + 0.35 + 0.1) / 3, 12);
});

describe('heat on a place', () => {
  const mask = [0, 1, 1, 0, 0];
  it('is a share of the heat that there is', () => {
    expect(areaShare(mask)).toBe(0.4);
    expect(heatShare([1, 2, 1, 0, -5], mask)).toBe(0.75);
    expect(heatShare([0, 0, -1, 0, 0], mask)).toBe(0.4);
  });
  it('points at the hottest pixel', () => {
    expect(pointingHit([0, 0.9, 0.1, 0.2, 0.3], mask)).toBe(1);
    expect(pointingHit([1, 0.9, 0.1, 0.2, 0.3], mask)).toBe(0);
    expect(pointingHit([0, 7, 0, 7, 0], mask)).toBe(0.5);
    expect(pointingHit([0, 0, 0, 0, 0], mask)).toBe(0.4);
  });
});

it('means have intervals that shrink with the images, and vanish where all images agree', () => {
  const values = Array.from({ length: 400 }, (_, i) => i % 2);
  const { many, same } = meansOver({ many: values, same: values.map(() => 0.25) });
  const { few } = meansOver({ few: values.slice(0, 16) });
  expect(many.value).toBe(0.5);
  // 1.96 standard errors of a coin over 400 throws are 0.049.
  expect(many.high - many.low).toBeGreaterThan(0.08);
  expect(many.high - many.low).toBeLessThan(0.12);
  expect(few.high - few.low).toBeGreaterThan(0.35);
  expect(same).toEqual({ value: 0.25, low: 0.25, high: 0.25 });
});
