/**
 * Nuclei that are not round: lobes on a string, and bands. Both follow an arc inside the cell, as segmented
 * nuclei and their forerunners do. Lengths in micrometres, the cell's centre at the origin.
 */
import type { Random } from '../../../random.ts';
import { type Limb, limbs, type Shape } from '../shapes.ts';

export interface LobesOptions {
  count: number;
  /** Radius of the arc on which the lobes sit. */
  arc: number;
  /** Angle between the first and the last lobe, in radians. */
  sweep: number;
  /** Mean half-width of a lobe. */
  radius: number;
  /** Length of a lobe beyond a circle, relative to its radius. */
  length: number;
  /** Half-width of the bridges. */
  bridge: number;
  /** Irregularity of places and sizes, relative. */
  jitter: number;
}

/** Lobes along an arc, joined by thin bridges. */
export function lobedNucleus(rng: Random, options: LobesOptions): Shape {
  const { count, arc, sweep, radius, length, bridge, jitter } = options;
  const parts: Limb[] = [];
  let last: { x: number; y: number } | undefined;
  for (let k = 0; k < count; k++) {
    const angle = (count === 1 ? 0 : k / (count - 1) - 0.5) * sweep + 0.25 * jitter * rng.normal();
    const away = arc * (1 + jitter * rng.normal() * 0.6);
    const x = Math.cos(angle) * away - 0.3 * arc;
    const y = Math.sin(angle) * away;
    const size = radius * (1 + jitter * 0.6 * rng.uniform(-1, 1));
    const tilt = angle + Math.PI / 2 + 1.6 * jitter * rng.normal();
    const half = 0.5 * length * size;
    const dx = Math.cos(tilt) * half;
    const dy = Math.sin(tilt) * half;
    const taper = 1 + 0.15 * rng.uniform(-1, 1);
    parts.push({ x0: x - dx, y0: y - dy, x1: x + dx, y1: y + dy, from: size * taper, to: size / taper });
    if (last) parts.push({ x0: last.x, y0: last.y, x1: x, y1: y, from: bridge, to: bridge });
    last = { x, y };
  }
  return limbs(parts, 0.35 * radius);
}

export interface BandOptions {
  arc: number;
  sweep: number;
  /** Half-width at the ends and in the middle. */
  ends: number;
  middle: number;
  /** Relative irregularity of the width and the course. */
  jitter: number;
}

/** A bent sausage: kidney, horseshoe or band. */
export function bandNucleus(rng: Random, options: BandOptions): Shape {
  const { arc, sweep, ends, middle, jitter } = options;
  const pieces = 5;
  const points = Array.from({ length: pieces + 1 }, (_, k) => {
    const along = (2 * k) / pieces - 1;
    const angle = 0.5 * along * sweep;
    const away = arc * (1 + 0.5 * jitter * rng.normal());
    const width = middle + (ends - middle) * along * along;
    return {
      x: Math.cos(angle) * away - 0.55 * arc * (1 + Math.cos(sweep / 2)),
      y: Math.sin(angle) * away,
      width: width * (1 + jitter * rng.normal()),
    };
  });
  const parts = points.slice(1).map((point, k): Limb => {
    const from = points[k];
    return { x0: from.x, y0: from.y, x1: point.x, y1: point.y, from: from.width, to: point.width };
  });
  return limbs(parts, 0.6 * middle);
}
