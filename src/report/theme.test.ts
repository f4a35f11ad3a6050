/** Colours as readers see them who lack a kind of cone, and words against what they stand on. */
import { describe, expect, it } from 'vitest';
import { ALERT_INK, CATEGORY_COLOURS, FAINT_INK, INK } from './theme.ts';

type Colour = readonly [number, number, number];

const linear = (hex: string): Colour => {
  const [r, g, b] = [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
  return [r, g, b];
};

const times = (matrix: readonly Colour[], [r, g, b]: Colour): Colour => {
  const [x, y, z] = matrix.map(([p, q, s]) => p * r + q * g + s * b);
  return [x, y, z];
};

/** Machado, Oliveira & Fernandes 2009, severity 1, of linear RGB. */
const SIGHT: Readonly<Record<string, readonly Colour[]>> = {
  'all cones': [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const XYZ: readonly Colour[] = [
  [0.4124564, 0.3575761, 0.1804375],
  [0.2126729, 0.7151522, 0.072175],
  [0.0193339, 0.119192, 0.9503041],
];
const WHITE: Colour = [0.95047, 1, 1.08883];

/** CIE 1976 L*a*b* under D65. */
function lab(colour: Colour): Colour {
  const f = (t: number) => (t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116);
  const inGamut = colour.map((x) => Math.min(1, Math.max(0, x)));
  const [x, y, z] = times(XYZ, [inGamut[0], inGamut[1], inGamut[2]]).map((v, i) => f(v / WHITE[i]));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** WCAG 2. */
function contrast(first: string, second: string): number {
  const [dark, light] = [first, second].map((hex) => times(XYZ, linear(hex))[1]).sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

describe('colours of categories', () => {
  it.each(Object.keys(SIGHT))('can be told apart with %s', (sight) => {
    const seen = CATEGORY_COLOURS.map((hex) => lab(times(SIGHT[sight], linear(hex))));
    for (const [i, first] of seen.entries())
      for (const [j, second] of seen.entries())
        if (j > i)
          expect(
            Math.hypot(...first.map((x, k) => x - second[k])),
            `${CATEGORY_COLOURS[i]} and ${CATEGORY_COLOURS[j]}`,
          ).toBeGreaterThan(12);
  });
});

it('words can be read on white and on the ground of warnings', () => {
  for (const ink of [INK, FAINT_INK, ALERT_INK])
    for (const ground of ['#FFFFFF', '#FFF8EA']) expect(contrast(ink, ground)).toBeGreaterThan(4.5);
});
