/** The normal distribution, and what is left of it between 0 and 1. */
import type { Random } from '../random.ts';

/**
 * Distribution function of the standard normal distribution, absolute error below 2e-7.
 * Abramowitz & Stegun (1964), 7.1.26 for erf.
 */
export function normalCdf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const upper = (series * Math.exp(-z * z)) / 2;
  return x < 0 ? upper : 1 - upper;
}

/** A normal distribution cut off outside [0, 1]; its mean lies inside. */
export class TruncatedNormal {
  private readonly mean: number;
  private readonly deviation: number;
  private readonly inside: number;
  private readonly height: number;

  constructor(mean: number, deviation: number) {
    this.mean = mean;
    this.deviation = deviation;
    this.inside = this.below(1) - this.below(0);
    this.height = 1 / (Math.sqrt(2 * Math.PI) * deviation * this.inside);
  }

  density(x: number): number {
    const z = (x - this.mean) / this.deviation;
    return Math.exp(-0.5 * z * z) * this.height;
  }

  /** Probability of [low, high]. */
  mass(low: number, high: number): number {
    return Math.max(0, this.below(high) - this.below(low)) / this.inside;
  }

  draw(random: Random): number {
    for (;;) {
      const x = this.mean + this.deviation * random.normal();
      if (x >= 0 && x <= 1) return x;
    }
  }

  private below(x: number): number {
    return normalCdf((x - this.mean) / this.deviation);
  }
}
