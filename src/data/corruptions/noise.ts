/** Noise of each pixel by itself. */
import { defineCorruption, mapBytes, PAPER_E } from './corruption.ts';

export const gaussianNoise = defineCorruption({
  title: 'Gaussian noise',
  source: PAPER_E,
  levels: [0.01, 0.03, 0.05, 0.1, 0.2],
  show: (sigma) => `σ ${sigma} of the range`,
  apply: (image, sigma, draw) => mapBytes(image, (value) => value + 255 * sigma * draw.normal()),
});

export const saltAndPepper = defineCorruption({
  title: 'Salt and pepper',
  source: PAPER_E,
  levels: [0.01, 0.02, 0.05, 0.1, 0.2],
  show: (share) => `${100 * share} % of the pixels`,
  apply: ({ data, channels }, share, draw) => {
    const out = Uint8Array.from(data);
    for (let at = 0; at < out.length; at += channels) {
      const u = draw.uniform();
      if (u < share) out.fill(u < share / 2 ? 0 : 255, at, at + channels);
    }
    return out;
  },
});
