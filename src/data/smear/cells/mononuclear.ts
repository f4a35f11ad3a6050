/** Lymphocyte and monocyte. Sizes as on the PBC images. */
import type { Random } from '../../../random.ts';
import type { Cell } from '../cell.ts';
import { texture } from '../noise.ts';
import { blob, type Shape, uneven, within, without } from '../shapes.ts';
import { strew } from './granules.ts';
import { bandNucleus } from './nuclei.ts';

/** A round dense nucleus that nearly fills the cell, with a thin blue rim; one in four is large and paler. */
export function planLymphocyte(rng: Random): Cell {
  const large = rng.uniform() < 0.25;
  const nuclear = large ? rng.uniform(4.6, 5.5) : rng.uniform(4, 5.2);
  const radius = nuclear + (large ? rng.uniform(0.7, 1.8) : rng.uniform(0.2, 0.9));
  const plain = blob(rng, {
    radius,
    elongation: 1 + Math.abs(0.08 * rng.normal()),
    angle: rng.uniform(0, Math.PI),
    waves: [0.03, 0.025, 0.02, 0.015].map((sigma) => sigma * rng.normal()),
  });
  // Short ruffles of the membrane.
  const outline = uneven(plain, rng.uniform(0.1, 0.45), texture(rng, 0.9));
  const off = 0.7 * (radius - nuclear);
  const round = blob(rng, {
    x: off,
    radius: nuclear,
    elongation: 1 + Math.abs(0.07 * rng.normal()),
    angle: rng.uniform(0, Math.PI),
    waves: [0.04, 0.03, 0.03].map((sigma) => sigma * rng.normal()),
  });
  const nucleus = within(notched(rng, round, off + nuclear, 0.3), outline, 0.15);
  return {
    outline,
    cytoplasm: {
      dyes: [0, 0.02, rng.uniform(0.3, 0.85) * (large ? 0.6 : 1), rng.uniform(0.08, 0.25)],
      mottle: 0.3,
      grain: 0.9,
      rim: 0.25,
    },
    nucleus,
    chromatin: {
      density: rng.uniform(1.95, 2.45) - (large ? 0.2 : 0),
      contrast: rng.uniform(0.4, 0.65),
      grain: rng.uniform(0.5, 0.85),
      condensed: rng.uniform(0.6, 0.8),
      rim: 0.1,
    },
    granules: strew(rng, outline, nucleus, {
      per100Um2: large ? rng.uniform(0, 30) : rng.uniform(0, 10),
      radius: 0.2,
      dyes: [0, 0.05, 0, 0.7],
    }),
    vacuoles: [],
  };
}

/** Large; a kidney, horseshoe or folded nucleus with lacy chromatin; grey-blue cytoplasm, often vacuoles. */
export function planMonocyte(rng: Random): Cell {
  const radius = rng.uniform(6.8, 9.3);
  const irregular = rng.uniform() < 0.45 ? 0.1 : 0.04;
  const plain = blob(rng, {
    radius,
    elongation: 1 + Math.abs(0.12 * rng.normal()),
    angle: rng.uniform(0, Math.PI),
    waves: [irregular, irregular, 0.6 * irregular, 0.4 * irregular].map((sigma) => sigma * rng.normal()),
  });
  const outline = uneven(plain, rng.uniform(0.12, 0.55), texture(rng, 1.3));
  const nucleus = within(uneven(monocyteCore(rng, radius), 0.35, texture(rng, 1.5)), outline, 0.3);
  const count = rng.uniform() < 0.4 ? 1 + rng.int(6) : 0;
  return {
    outline,
    cytoplasm: {
      dyes: [0, rng.uniform(0.02, 0.1), rng.uniform(0.05, 0.36), rng.uniform(0.1, 0.28)],
      mottle: 0.4,
      grain: 0.45,
      rim: 0.3,
    },
    nucleus,
    chromatin: {
      density: rng.uniform(1.6, 2.2),
      contrast: rng.uniform(0.45, 0.7),
      grain: rng.uniform(0.4, 0.58),
      condensed: rng.uniform(0.4, 0.6),
      rim: 0.2,
    },
    granules: strew(rng, outline, nucleus, {
      per100Um2: rng.uniform(60, 350),
      radius: 0.14,
      dyes: [0, 0.05, 0, rng.uniform(0.15, 0.55)],
      spread: 0.5,
    }),
    vacuoles: Array.from({ length: count }, () => {
      const angle = rng.uniform(0, 2 * Math.PI);
      const away = rng.uniform(0.35, 0.85) * radius;
      return blob(rng, {
        x: Math.cos(angle) * away,
        y: Math.sin(angle) * away,
        radius: rng.uniform(0.25, 0.6),
      });
    }),
  };
}

function monocyteCore(rng: Random, radius: number): Shape {
  const kind = rng.uniform();
  if (kind < 0.45) {
    return bandNucleus(rng, {
      arc: 0.46 * radius,
      sweep: rng.uniform(1.8, 4),
      ends: rng.uniform(0.32, 0.4) * radius,
      middle: rng.uniform(0.3, 0.4) * radius,
      jitter: 0.1,
    });
  }
  const size = rng.uniform(0.62, 0.75) * radius;
  const folded = blob(rng, {
    x: 0.2 * radius * rng.normal(),
    radius: size,
    elongation: 1.1 + Math.abs(0.15 * rng.normal()),
    angle: rng.uniform(0, Math.PI),
    waves: [0.09, 0.08, 0.07, 0.05].map((sigma) => sigma * rng.normal()),
  });
  return notched(rng, folded, size, 0.85);
}

/** With the given chance, a wedge is taken out of the side. */
function notched(rng: Random, shape: Shape, reach: number, chance: number): Shape {
  const angle = rng.uniform(0, 2 * Math.PI);
  const depth = rng.uniform(0.75, 1.05) * reach;
  const radius = rng.uniform(0.15, 0.32) * reach;
  if (rng.uniform() >= chance) return shape;
  const notch = blob(rng, {
    x: Math.cos(angle) * depth,
    y: Math.sin(angle) * depth,
    radius,
    elongation: 1.8,
    angle,
  });
  return without(shape, notch, 0.5);
}
