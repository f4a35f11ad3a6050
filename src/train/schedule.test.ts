import { describe, expect, it } from 'vitest';
import { settings } from '../models/settings.ts';
import { learningRate } from './schedule.ts';

const base = { optimizer: { kind: 'adam' as const }, lr: 1e-3, batchSize: 64, epochs: 20 };

describe('schedules', () => {
  it('compounding repeats the rates that were logged for paper (c)', () => {
    const s = settings({ ...base, schedule: { kind: 'compounding', decay: 0.1 } });
    const logged = [
      1e-3, 9.0484e-4, 7.4082e-4, 5.4881e-4, 3.6788e-4, 2.2313e-4, 1.2246e-4, 6.081e-5, 2.7324e-5, 1.1109e-5,
    ];
    logged.forEach((lr, epoch) => {
      expect(Math.abs(learningRate(s, epoch) / lr - 1)).toBeLessThan(1e-4);
    });
  });

  it('exponential is what the paper describes', () => {
    const s = settings({ ...base, schedule: { kind: 'exponential', decay: 0.1 } });
    expect(learningRate(s, 3)).toBeCloseTo(1e-3 * Math.exp(-0.3), 12);
  });

  it('cosine goes from lr to its floor', () => {
    const s = settings({ ...base, schedule: { kind: 'cosine', floor: 1e-5 } });
    expect(learningRate(s, 0)).toBe(1e-3);
    expect(learningRate(s, 10)).toBeCloseTo((1e-3 + 1e-5) / 2, 12);
    expect(learningRate(s, 20)).toBeCloseTo(1e-5, 12);
  });

  it('step and constant', () => {
    const s = settings({ ...base, schedule: { kind: 'step', every: 5, gamma: 0.5 } });
    expect([0, 4, 5, 10].map((epoch) => learningRate(s, epoch))).toEqual([1e-3, 1e-3, 5e-4, 2.5e-4]);
    expect(learningRate(settings(base), 19)).toBe(1e-3);
  });
});
