import { describe, expect, it } from 'vitest';
import { againstPaper } from './analyse.ts';

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
