import { describe, expect, it } from 'vitest';
import { random } from '../../random.ts';
import { texture } from './noise.ts';
import { blob, limbs, type Shape, uneven, within, without } from './shapes.ts';

/** Area by counting points, in µm². */
function area(shape: Shape): number {
  const step = 0.02;
  let inside = 0;
  for (let y = -4; y < 4; y += step)
    for (let x = -4; x < 4; x += step) if (shape.distance(x, y) < 0) inside++;
  return inside * step * step;
}

const rng = () => random(3, 'shapes');

describe('shapes', () => {
  it('measures the distance to a circle', () => {
    const circle = blob(rng(), { x: 1, radius: 2 });
    expect(circle.distance(1, 0)).toBeCloseTo(-2, 6);
    expect(circle.distance(1, 3)).toBeCloseTo(1, 6);
    expect(circle.reach).toBeCloseTo(3, 6);
    expect(area(circle)).toBeCloseTo(4 * Math.PI, 1);
  });

  it('keeps the area of a circle when it is stretched', () => {
    const ellipse = blob(rng(), { radius: 2, elongation: 1.6, angle: 0.7 });
    expect(area(ellipse)).toBeCloseTo(4 * Math.PI, 1);
    const along = 2 * Math.sqrt(1.6);
    expect(ellipse.distance(along * Math.cos(0.7), along * Math.sin(0.7))).toBeCloseTo(0, 6);
  });

  it('measures the distance to a tapering limb', () => {
    const limb = limbs([{ x0: 0, y0: 0, x1: 2, y1: 0, from: 1, to: 0.5 }], 0.1);
    expect(limb.distance(-2, 0)).toBeCloseTo(1, 6);
    expect(limb.distance(1, 2)).toBeCloseTo(1.25, 6);
    expect(limb.distance(3, 0)).toBeCloseTo(0.5, 6);
  });

  it('cuts holes and containers', () => {
    const disc = blob(rng(), { radius: 2 });
    const ring = without(disc, blob(rng(), { radius: 1 }), 0.01);
    expect(area(ring)).toBeCloseTo(3 * Math.PI, 1);
    expect(ring.distance(0, 0)).toBeCloseTo(1, 3);
    expect(area(within(blob(rng(), { radius: 3 }), disc, 0.5))).toBeCloseTo(2.25 * Math.PI, 1);
  });

  it('is positive outside its reach, however wavy', () => {
    for (let seed = 0; seed < 20; seed++) {
      const own = random(seed, 'reach');
      const waves = [0.2, 0.15, 0.1, 0.1];
      const shape = uneven(
        blob(own, { x: 0.5, radius: 1.5, elongation: 1.5, waves }),
        0.3,
        texture(own, 0.5),
      );
      for (let angle = 0; angle < 6.28; angle += 0.01) {
        const reach = shape.reach + 1e-6;
        expect(shape.distance(reach * Math.cos(angle), reach * Math.sin(angle))).toBeGreaterThan(0);
      }
    }
  });
});
