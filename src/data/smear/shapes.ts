/**
 * Implicit shapes: each point of the plane has a distance to the outline, negative inside. Lengths are
 * micrometres in the frame of one cell, whose centre is the origin. Distances are exact for limbs and near
 * the outline otherwise, which is what anti-aliasing needs. Smooth union after I. Quilez, "Smooth minimum".
 */
import type { Random } from '../../random.ts';
import type { Texture } from './noise.ts';

/** Farther out than this (µm) nothing is drawn, so distances need only be positive there. */
const OUTSIDE = 1;

export interface Shape {
  /** Radius about the origin outside which `distance` is positive. */
  readonly reach: number;
  /** Signed distance of a point to the outline, negative inside. */
  distance(x: number, y: number): number;
}

export interface BlobOptions {
  x?: number;
  y?: number;
  radius: number;
  /** Long over short axis, ≥ 1. */
  elongation?: number;
  /** Direction of the long axis in radians. */
  angle?: number;
  /** Amplitudes, relative to the radius, of the waves with 2, 3, 4 and 5 crests round the outline. */
  waves?: readonly number[];
}

/** A closed outline that any ray from its centre crosses once: an ellipse with waves of random phase. */
export function blob(rng: Random, options: BlobOptions): Shape {
  const { x: centreX = 0, y: centreY = 0, radius, elongation = 1, angle = 0, waves = [] } = options;
  const stretch = Math.sqrt(elongation);
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const along = cos / (radius * stretch);
  const alongY = sin / (radius * stretch);
  const across = (cos * stretch) / radius;
  const acrossX = (-sin * stretch) / radius;
  const crests = new Float64Array(2 * waves.length);
  let height = 0;
  waves.forEach((amplitude, k) => {
    const phase = rng.uniform(0, 2 * Math.PI);
    crests[2 * k] = amplitude * Math.cos(phase);
    crests[2 * k + 1] = amplitude * Math.sin(phase);
    height += Math.abs(amplitude);
  });
  return {
    reach: Math.hypot(centreX, centreY) + radius * stretch * (1 + height),
    distance(x, y) {
      const u = (x - centreX) * along + (y - centreY) * alongY;
      const v = (y - centreY) * across + (x - centreX) * acrossX;
      const length = Math.sqrt(u * u + v * v) + 1e-9;
      // Well beyond the highest crest the waves do not matter.
      if (length > 1.2 + height) return (length - 1 - height) * radius;
      const c = u / length;
      const s = v / length;
      let edge = 1;
      let real = c;
      let imaginary = s;
      for (let k = 0; k < crests.length; k += 2) {
        const next = real * c - imaginary * s;
        imaginary = real * s + imaginary * c;
        real = next;
        edge += crests[k] * real + crests[k + 1] * imaginary;
      }
      return (length - edge) * radius;
    },
  };
}

/** A thick line from one point to another whose half-width goes evenly from `from` to `to`. */
export interface Limb {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  from: number;
  to: number;
}

/**
 * Limbs grown together: the lobes of a nucleus and the bridges between them.
 * @param blend width over which two limbs flow into each other
 */
export function limbs(parts: readonly Limb[], blend: number): Shape {
  let reach = 0;
  for (const part of parts) {
    reach = Math.max(reach, Math.hypot(part.x0, part.y0) + part.from, Math.hypot(part.x1, part.y1) + part.to);
  }
  return {
    reach: reach + blend / 4,
    distance(x, y) {
      let nearest = Number.POSITIVE_INFINITY;
      for (let k = 0; k < parts.length; k++) {
        const { x0, y0, x1, y1, from, to } = parts[k];
        const dx = x1 - x0;
        const dy = y1 - y0;
        const px = x - x0;
        const py = y - y0;
        const projected = (px * dx + py * dy) / (dx * dx + dy * dy + 1e-9);
        const along = Math.min(1, Math.max(0, projected));
        const ex = px - along * dx;
        const ey = py - along * dy;
        const distance = Math.sqrt(ex * ex + ey * ey) - from - along * (to - from);
        nearest = k === 0 ? distance : smoothMin(nearest, distance, blend);
      }
      return nearest;
    },
  };
}

function smoothMin(a: number, b: number, blend: number): number {
  const gap = blend - Math.abs(a - b);
  const lower = Math.min(a, b);
  return gap > 0 ? lower - (gap * gap) / (4 * blend) : lower;
}

/** `shape` without `hole`, the corner rounded over `blend`. */
export function without(shape: Shape, hole: Shape, blend: number): Shape {
  return {
    reach: shape.reach,
    distance: (x, y) => -smoothMin(-shape.distance(x, y), hole.distance(x, y), blend),
  };
}

/** The part of `shape` that lies at least `margin` inside `container`. */
export function within(shape: Shape, container: Shape, margin: number): Shape {
  return {
    reach: Math.min(shape.reach, container.reach),
    distance(x, y) {
      const own = shape.distance(x, y);
      return own > OUTSIDE ? own : Math.max(own, container.distance(x, y) + margin);
    },
  };
}

/** `shape` with its outline pushed in and out by up to `amount` along a texture. */
export function uneven(shape: Shape, amount: number, pattern: Texture): Shape {
  return {
    reach: shape.reach + amount,
    distance(x, y) {
      const own = shape.distance(x, y);
      return own > amount + OUTSIDE ? own - amount : own + amount * (2 * pattern(x, y) - 1);
    },
  };
}
