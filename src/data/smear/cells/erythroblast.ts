/**
 * Erythroblast (nucleated red cell), from basophilic (larger, deep blue) to orthochromatic (small, nearly the
 * colour of a red cell, with a nucleus shrunk to a black ball). Sizes as on the PBC images.
 */
import type { Random } from '../../../random.ts';
import type { Cell } from '../cell.ts';
import { smoothstep, texture } from '../noise.ts';
import { blob, limbs, type Shape, uneven, within } from '../shapes.ts';

export function planErythroblast(rng: Random): Cell {
  const maturity = rng.uniform();
  const nuclear = 4.4 - 1.7 * maturity + 0.25 * rng.normal();
  const radius = nuclear + rng.uniform(0.5, 1.6) + 0.8 * maturity;
  const plain = blob(rng, {
    radius,
    elongation: 1 + Math.abs(0.1 * rng.normal()),
    angle: rng.uniform(0, Math.PI),
    waves: [0.05, 0.05, 0.03, 0.02].map((sigma) => sigma * rng.normal()),
  });
  const outline = uneven(plain, rng.uniform(0.1, 0.4), texture(rng, 1.6));
  const core = rng.uniform() < 0.08 ? budding(rng, nuclear) : ball(rng, nuclear, radius);
  const haemoglobin = smoothstep(0, 1, maturity);
  const blue = (1 - haemoglobin) * rng.uniform(0.55, 0.95) + 0.1 * rng.uniform(0.3, 1);
  return {
    outline,
    cytoplasm: {
      dyes: [0.08 + 0.16 * haemoglobin, 0, blue, 0.05 + 0.1 * (1 - haemoglobin)],
      mottle: 0.12,
      grain: 1,
      rim: 0.12,
      hof: { x: 0.3, y: 0, radius: nuclear + 1, strength: 0.25 },
    },
    nucleus: within(core, outline, 0.3),
    chromatin: {
      density: rng.uniform(2.1, 2.5) + 0.3 * maturity,
      contrast: 0.65 - 0.4 * maturity + 0.08 * rng.normal(),
      grain: rng.uniform(0.55, 0.85),
      condensed: 0.65 + 0.2 * maturity,
      rim: 0.1,
    },
    granules: [],
    vacuoles: [],
  };
}

function ball(rng: Random, nuclear: number, radius: number): Shape {
  return blob(rng, {
    x: rng.uniform(0, 0.7) * (radius - nuclear),
    radius: nuclear,
    elongation: 1 + Math.abs(0.06 * rng.normal()),
    angle: rng.uniform(0, Math.PI),
    waves: [0.02 * rng.normal(), 0.02 * rng.normal()],
  });
}

/** A dysplastic nucleus of two or three balls. */
function budding(rng: Random, nuclear: number): Shape {
  const size = 0.6 * nuclear;
  const turn = rng.uniform(0, 2 * Math.PI);
  const parts = Array.from({ length: 2 + rng.int(2) }, (_, k) => {
    const x = 0.55 * nuclear * Math.cos(turn + 2.1 * k);
    const y = 0.55 * nuclear * Math.sin(turn + 2.1 * k);
    return { x0: x, y0: y, x1: x + 0.1, y1: y, from: size, to: size };
  });
  return limbs(parts, 0.3);
}
