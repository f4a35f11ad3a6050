/**
 * Immature granulocytes, three stages of one line: the promyelocyte (large, round nucleus with open chromatin,
 * coarse azurophil granules, pale Golgi field), the myelocyte (oval nucleus at one side) and the metamyelocyte
 * (indented nucleus, nearly a band). Sizes as on the PBC images.
 */
import type { Random } from '../../../random.ts';
import type { Cell } from '../cell.ts';
import { texture } from '../noise.ts';
import { blob, type Shape, uneven, within } from '../shapes.ts';
import { strew } from './granules.ts';
import { bandNucleus } from './nuclei.ts';

export function planImmatureGranulocyte(rng: Random): Cell {
  // 0 promyelocyte … 1 metamyelocyte; the stages run into each other.
  const maturity = rng.uniform();
  const radius = rng.uniform(7.3, 9.2) - 1.4 * maturity;
  const irregular = rng.uniform() < 0.25 ? 0.12 : 0.04;
  const plain = blob(rng, {
    radius,
    elongation: 1 + Math.abs(0.12 * rng.normal()),
    angle: rng.uniform(0, Math.PI),
    waves: [irregular, irregular, 0.6 * irregular, 0.4 * irregular].map((sigma) => sigma * rng.normal()),
  });
  const outline = uneven(plain, 0.2, texture(rng, 1.5));
  const nucleus = within(uneven(core(rng, maturity, radius), 0.25, texture(rng, 1.6)), outline, 0.25);
  const blue = rng.uniform(0.5, 1) * (1 - 0.75 * maturity);
  return {
    outline,
    cytoplasm: {
      dyes: [0, 0.05 + 0.07 * maturity, 0.02 + 0.3 * blue, rng.uniform(0.12, 0.28)],
      mottle: 0.4,
      grain: 0.5,
      rim: 0.25,
      hof: { x: 0.45 * radius, y: 0, radius: 0.55 * radius, strength: 0.5 * (1 - maturity) },
    },
    nucleus,
    chromatin: {
      density: 1.75 + 0.45 * maturity + 0.15 * rng.normal(),
      contrast: rng.uniform(0.45, 0.7),
      grain: rng.uniform(0.42, 0.62),
      condensed: 0.5 + 0.2 * maturity,
      rim: 0.15,
    },
    granules: strew(rng, outline, nucleus, {
      per100Um2: rng.uniform(140, 380) * (1.1 - 0.4 * maturity),
      radius: 0.21 - 0.04 * maturity,
      dyes: [0, 0.05, 0, rng.uniform(0.12, 0.75) * (1.1 - 0.5 * maturity)],
      spread: 0.5,
      kept: 0.35,
    }),
    vacuoles: [],
  };
}

function core(rng: Random, maturity: number, radius: number): Shape {
  if (maturity > 0.6) {
    const sweep = 1.3 + 3 * (maturity - 0.6) + 0.3 * rng.normal();
    return bandNucleus(rng, {
      arc: rng.uniform(0.44, 0.52) * radius,
      sweep,
      ends: rng.uniform(0.3, 0.4) * radius,
      middle: rng.uniform(0.26, 0.36) * radius,
      jitter: 0.06,
    });
  }
  const size = (0.76 - 0.2 * maturity + 0.03 * rng.normal()) * radius;
  return blob(rng, {
    x: -0.75 * (radius - size),
    radius: size,
    elongation: 1 + 0.35 * maturity + Math.abs(0.1 * rng.normal()),
    angle: Math.PI / 2 + 0.4 * rng.normal(),
    waves: [0.05 * rng.normal(), 0.04 * rng.normal(), 0.03 * rng.normal()],
  });
}
