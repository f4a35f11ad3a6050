import { describe, expect, it } from 'vitest';
import { findSystem } from '../models/registry.ts';
import { againstPaper, estimate } from './analyse.ts';

describe('againstPaper()', () => {
  const ours = { value: 0.96, low: 0.953, high: 0.967 };

  it('calls a difference noise within 1.96 standard errors of both', () => {
    // √(0.007² + 1.96²·0.95·0.05/3421) = 0.0101
    expect(againstPaper(ours, 0.95, 3421)?.isNoise).toBe(true);
    expect(againstPaper(ours, 0.949, 3421)?.isNoise).toBe(false);
    expect(againstPaper(ours, 0.949, 3421)?.difference).toBeCloseTo(0.011, 12);
  });

  it('says nothing where nothing was published', () => {
    expect(againstPaper(ours, undefined, 3421)).toBeNull();
  });
});

it('estimates a training by an epoch of each of its stages, as many as are wanted', () => {
  const { epochs, pretraining } = findSystem('autoclassifier').training;
  const before = [{ seconds: 5 }, { seconds: 3 }, { seconds: 4 }];
  const of = (set: Readonly<Record<string, number>>) =>
    estimate({ system: 'autoclassifier', set }, 10, before);
  expect(pretraining?.epochs).toBeGreaterThan(1);
  expect(of({})).toBe(epochs * 10 + pretraining!.epochs * 4);
  expect(of({ epochs: 2, 'pretraining.epochs': 7 })).toBe(2 * 10 + 7 * 4);
  expect(estimate({ system: 'cnn', set: {} }, 10)).toBe(findSystem('cnn').training.epochs * 10);
});
