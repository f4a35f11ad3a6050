/** The mature granulocytes: neutrophil, eosinophil, basophil. Sizes as on the PBC images. */
import type { Random } from '../../../random.ts';
import type { Cell } from '../cell.ts';
import { texture } from '../noise.ts';
import { blob, type Shape, uneven, within } from '../shapes.ts';
import { strew } from './granules.ts';
import { bandNucleus, lobedNucleus } from './nuclei.ts';

/** Three to five lobes on thin bridges, or a band; pink cytoplasm with fine granules. */
export function planNeutrophil(rng: Random): Cell {
  const radius = rng.uniform(5.8, 7.3);
  const outline = roundish(rng, radius, 0.08);
  const band = rng.uniform() < 0.28;
  const core = band
    ? bandNucleus(rng, {
        arc: 0.5 * radius,
        sweep: rng.uniform(2.1, 4.2),
        ends: rng.uniform(0.22, 0.34) * radius,
        middle: rng.uniform(0.18, 0.31) * radius,
        jitter: 0.1,
      })
    : segmented(rng, radius);
  const nucleus = within(uneven(core, 0.2, texture(rng, 1.1)), outline, 0.3);
  const pink = rng.uniform(0.7, 1.3);
  return {
    outline,
    cytoplasm: {
      dyes: [0, 0.15 * pink, rng.uniform(0, 0.06), rng.uniform(0.08, 0.2)],
      mottle: 0.35,
      grain: 0.5,
      rim: 0.2,
    },
    nucleus,
    chromatin: {
      density: rng.uniform(2, 2.5),
      contrast: rng.uniform(0.4, 0.7),
      grain: rng.uniform(0.5, 0.75),
      condensed: rng.uniform(0.6, 0.8),
      rim: 0.1,
    },
    granules: strew(rng, outline, nucleus, {
      per100Um2: rng.uniform(150, 450),
      radius: 0.16,
      dyes: [0, 0.05, 0, rng.uniform(0.1, 0.4)],
      spread: 0.5,
      kept: 0.2,
    }),
    vacuoles: [],
  };
}

function segmented(rng: Random, radius: number): Shape {
  const count = [3, 3, 4, 4, 5, 3][rng.int(6)];
  return lobedNucleus(rng, {
    count,
    arc: rng.uniform(0.46, 0.58) * radius,
    sweep: rng.uniform(0.8, 1) * (1.6 + 0.85 * count),
    radius: (rng.uniform(0.25, 0.3) - 0.02 * (count - 3)) * radius,
    length: rng.uniform(0.5, 1.2),
    bridge: rng.uniform(0.3, 0.75),
    jitter: 0.25,
  });
}

/** Two lobes, seldom three; cytoplasm packed with orange-red granules. */
export function planEosinophil(rng: Random): Cell {
  const radius = rng.uniform(6, 7.7);
  const outline = roundish(rng, radius, 0.07);
  const count = rng.uniform() < 0.7 ? 2 : 3;
  const core =
    rng.uniform() < 0.12
      ? bandNucleus(rng, {
          arc: 0.5 * radius,
          sweep: 2.8,
          ends: 0.3 * radius,
          middle: 0.22 * radius,
          jitter: 0.1,
        })
      : lobedNucleus(rng, {
          count,
          arc: rng.uniform(0.46, 0.56) * radius,
          sweep: rng.uniform(1.9, 2.7) + 0.5 * (count - 2),
          radius: (count === 2 ? rng.uniform(0.33, 0.4) : rng.uniform(0.27, 0.32)) * radius,
          length: rng.uniform(0.4, 1.1),
          bridge: rng.uniform(0.4, 1),
          jitter: 0.18,
        });
  const nucleus = within(uneven(core, 0.15, texture(rng, 1.3)), outline, 0.3);
  const red = rng.uniform(0.65, 1.15);
  return {
    outline,
    cytoplasm: {
      dyes: [0.02, 0.36 * red, rng.uniform(0, 0.05), rng.uniform(0.08, 0.18)],
      mottle: 0.2,
      grain: 0.6,
      rim: 0.05,
    },
    nucleus,
    chromatin: {
      density: rng.uniform(1.75, 2.3),
      contrast: rng.uniform(0.4, 0.7),
      grain: rng.uniform(0.5, 0.75),
      condensed: rng.uniform(0.55, 0.75),
      rim: 0.15,
    },
    granules: strew(rng, outline, nucleus, {
      per100Um2: rng.uniform(300, 500),
      radius: rng.uniform(0.22, 0.3),
      dyes: [0.02, 0.22 * red, 0, 0.03],
      spread: 0.35,
      kept: 0.08,
    }),
    vacuoles: holes(rng, radius, rng.uniform() < 0.25 ? 2 : 0),
  };
}

/** Coarse dark violet granules that cover a two-lobed nucleus; some have washed out and left holes. */
export function planBasophil(rng: Random): Cell {
  const radius = rng.uniform(5.7, 7.3);
  const outline = uneven(roundish(rng, radius, 0.1), 0.3, texture(rng, 0.9));
  const core = lobedNucleus(rng, {
    count: rng.uniform() < 0.75 ? 2 : 3,
    arc: 0.38 * radius,
    sweep: rng.uniform(1.8, 3),
    radius: rng.uniform(0.36, 0.46) * radius,
    length: rng.uniform(0.3, 0.8),
    bridge: 0.25 * radius,
    jitter: 0.2,
  });
  const nucleus = within(core, outline, 0.25);
  return {
    outline,
    cytoplasm: {
      dyes: [0, rng.uniform(0.05, 0.12), rng.uniform(0, 0.15), rng.uniform(0.2, 0.5)],
      mottle: 0.4,
      grain: 1,
      rim: 0.3,
    },
    nucleus,
    chromatin: {
      density: rng.uniform(1.5, 1.95),
      contrast: rng.uniform(0.35, 0.65),
      grain: 0.7,
      condensed: 0.6,
      rim: 0,
    },
    granules: strew(rng, outline, nucleus, {
      per100Um2: rng.uniform(180, 420),
      radius: rng.uniform(0.24, 0.38),
      dyes: [0, 0.08, 0.05, rng.uniform(1, 1.6)],
      spread: 0.35,
      kept: rng.uniform(0.4, 0.9),
    }),
    vacuoles: holes(rng, radius, rng.int(5)),
  };
}

function roundish(rng: Random, radius: number, irregular: number): Shape {
  return blob(rng, {
    radius,
    elongation: 1 + Math.abs(irregular * 1.2 * rng.normal()),
    angle: rng.uniform(0, Math.PI),
    waves: [0.4, 0.35, 0.25, 0.2].map((share) => share * irregular * rng.normal()),
  });
}

function holes(rng: Random, radius: number, count: number): Shape[] {
  return Array.from({ length: count }, () => {
    const angle = rng.uniform(0, 2 * Math.PI);
    const away = radius * rng.uniform(0.3, 0.8);
    return blob(rng, {
      x: Math.cos(angle) * away,
      y: Math.sin(angle) * away,
      radius: rng.uniform(0.25, 0.55),
    });
  });
}
