/**
 * Platelet: no nucleus, a pale hyalomere round a granulomere with purple granules; single, or a small clump.
 * `nucleus` is the granulomere. Sizes as on the PBC images, with giant ones.
 */
import type { Random } from '../../../random.ts';
import type { Cell } from '../cell.ts';
import { texture } from '../noise.ts';
import { blob, type Shape, uneven, within } from '../shapes.ts';
import { strew } from './granules.ts';

export function planPlatelet(rng: Random): Cell {
  const clump = rng.uniform() < 0.15 ? 2 + rng.int(2) : 1;
  const giant = clump === 1 && rng.uniform() < 0.15;
  const turn = rng.uniform(0, 2 * Math.PI);
  const bodies = Array.from({ length: clump }, (_, k) => {
    const radius = giant ? rng.uniform(3, 4.2) : rng.uniform(1.7, 3.1);
    const away = clump === 1 ? 0 : radius * 0.95;
    const angle = turn + (2 * Math.PI * k) / clump;
    return blob(rng, {
      x: Math.cos(angle) * away,
      y: Math.sin(angle) * away,
      radius,
      elongation: 1 + Math.abs(0.2 * rng.normal()),
      angle: rng.uniform(0, Math.PI),
      waves: [0.06 * rng.normal(), 0.05 * rng.normal(), 0.04 * rng.normal()],
    });
  });
  const outline = uneven(together(bodies), rng.uniform(0.15, 0.5), texture(rng, 0.7));
  const hyalomere = rng.uniform(0.15, 0.5);
  const nucleus = within(outline, outline, hyalomere);
  const purple = rng.uniform(0.6, 1.4);
  return {
    outline,
    cytoplasm: {
      dyes: [0, 0.03, rng.uniform(0.05, 0.25), 0.15 + 0.1 * purple],
      mottle: 0.4,
      grain: 0.6,
      rim: 0,
      softness: 0.35,
    },
    nucleus,
    chromatin: {
      density: 1.1 * purple,
      contrast: rng.uniform(0.4, 0.7),
      grain: rng.uniform(0.45, 0.7),
      condensed: rng.uniform(0.4, 0.7),
      rim: 0,
    },
    granules: strew(rng, nucleus, undefined, {
      per100Um2: rng.uniform(150, 450),
      radius: rng.uniform(0.2, 0.3),
      dyes: [0, 0.06, 0.03, 0.55 * purple],
      spread: 0.4,
    }),
    vacuoles: [],
  };
}

function together(shapes: readonly Shape[]): Shape {
  return {
    reach: Math.max(...shapes.map((shape) => shape.reach)),
    distance: (x, y) => Math.min(...shapes.map((shape) => shape.distance(x, y))),
  };
}
