import { describe, expect, it } from 'vitest';
import { SomaError } from '../../errors.ts';
import { random } from '../../random.ts';
import { SMEAR_CLASSES, type SmearClass } from './classes.ts';
import { type DrawnCell, drawCell } from './draw.ts';

const draw = (cls: SmearClass, size: number, index = 0, difficulty = 0.5) =>
  drawCell(cls, size, random(7, 'draw test', cls, index), { difficulty });

const count = (mask: Uint8Array) => mask.reduce((sum, value) => sum + value, 0);

/** Mean of `measure` over cells of a class at 64 px. */
function mean(cls: SmearClass, measure: (cell: DrawnCell) => number, cells = 40): number {
  let sum = 0;
  for (let index = 0; index < cells; index++) sum += measure(draw(cls, 64, index));
  return sum / cells;
}

/** Averages blocks of n × n; one channel or three. */
function shrink(image: Uint8Array, size: number, n: number, channels: number): Float64Array {
  const side = size / n;
  const small = new Float64Array(side * side * channels);
  for (let i = 0; i < image.length; i++) {
    const pixel = Math.floor(i / channels);
    const target = Math.floor(pixel / size / n) * side + Math.floor((pixel % size) / n);
    small[target * channels + (i % channels)] += image[i] / (n * n);
  }
  return small;
}

describe('drawCell', () => {
  it('gives the same bytes for the same stream, whatever was drawn between', () => {
    for (const cls of SMEAR_CLASSES) {
      const first = draw(cls, 64);
      draw('monocyte', 64, 99);
      draw(cls, 28);
      expect(draw(cls, 64)).toEqual(first);
    }
    expect(draw('ig', 64, 1).image).not.toEqual(draw('ig', 64, 0).image);
  });

  it('keeps the nucleus inside the cell, and both in the picture', () => {
    for (const cls of SMEAR_CLASSES) {
      for (const size of [28, 64, 100]) {
        for (let index = 0; index < 8; index++) {
          const { image, nucleusMask, cellMask } = draw(cls, size, index);
          expect(image.length).toBe(size * size * 3);
          expect(nucleusMask.every((value, i) => value <= cellMask[i])).toBe(true);
          expect(count(nucleusMask)).toBeGreaterThan(0);
          expect(count(cellMask)).toBeGreaterThan(count(nucleusMask));
        }
      }
    }
  });

  it.each([
    [128, 2],
    [112, 4],
    [256, 4],
  ])('draws the same cell at %i pixels as at 1/%i of them', (size, n) => {
    for (const cls of SMEAR_CLASSES) {
      const large = draw(cls, size, 3, 0.2);
      const small = draw(cls, size / n, 3, 0.2);
      const expected = shrink(large.image, size, n, 3);
      const difference = expected.reduce((sum, value, i) => sum + Math.abs(value - small.image[i]), 0);
      expect(difference / expected.length).toBeLessThan(6);
      const share = shrink(large.nucleusMask, size, n, 1);
      const wrong = share.reduce((sum, value, i) => sum + Math.abs(value - small.nucleusMask[i]), 0);
      // Half a pixel along the outline, at most.
      expect(wrong / share.length).toBeLessThan(0.06);
      expect(
        Math.abs(count(small.nucleusMask) / share.length - count(large.nucleusMask) / size ** 2),
      ).toBeLessThan(0.02);
    }
  });

  it('has nuclei of the right relative size', () => {
    const nucleus = (cls: SmearClass) => mean(cls, ({ nucleusMask }) => count(nucleusMask));
    const cell = (cls: SmearClass) => mean(cls, ({ cellMask }) => count(cellMask));
    const [monocyte, lymphocyte, erythroblast, neutrophil, platelet] = (
      ['monocyte', 'lymphocyte', 'erythroblast', 'neutrophil', 'platelet'] as const
    ).map(nucleus);
    expect(monocyte).toBeGreaterThan(lymphocyte);
    expect(lymphocyte).toBeGreaterThan(erythroblast);
    expect(erythroblast).toBeGreaterThan(platelet);
    expect(lymphocyte / cell('lymphocyte')).toBeGreaterThan(0.65);
    expect(neutrophil / cell('neutrophil')).toBeLessThan(0.45);
    expect(cell('ig')).toBeGreaterThan(cell('neutrophil'));
    expect(cell('neutrophil')).toBeGreaterThan(cell('erythroblast'));
  });

  it('segments nuclei of granulocytes and rounds those of lymphocytes and erythroblasts', () => {
    const outline = (cls: SmearClass) => mean(cls, ({ nucleusMask }) => outlineIndex(nucleusMask, 64));
    const round = Math.max(outline('lymphocyte'), outline('erythroblast'));
    expect(outline('neutrophil')).toBeGreaterThan(1.8 * round);
    expect(outline('eosinophil')).toBeGreaterThan(1.3 * round);
    expect(outline('monocyte')).toBeGreaterThan(1.05 * round);
    expect(outline('neutrophil')).toBeGreaterThan(1.3 * outline('ig'));
  });

  it('colours the cytoplasm by type', () => {
    const colour = (cls: SmearClass, measure: (r: number, g: number, b: number) => number) =>
      mean(cls, (cell) => cytoplasm(cell, measure));
    const redness = (r: number, _g: number, b: number) => r - b;
    const light = (r: number, g: number, b: number) => (r + g + b) / 3;
    expect(colour('eosinophil', redness)).toBeGreaterThan(colour('neutrophil', redness) + 10);
    expect(colour('neutrophil', redness)).toBeGreaterThan(colour('monocyte', redness) + 10);
    expect(colour('monocyte', redness)).toBeGreaterThan(colour('lymphocyte', redness));
    expect(colour('basophil', light)).toBeLessThan(colour('ig', light) - 10);
    expect(colour('neutrophil', light)).toBeGreaterThan(colour('ig', light));
  });

  it('refuses what it cannot draw', () => {
    const rng = random(0);
    expect(() => drawCell('ig', 15, rng)).toThrow(
      /drawCell\(\): expected a size of 16 to 256 pixels, got 15/,
    );
    expect(() => drawCell('ig', 28.5, rng)).toThrow(SomaError);
    expect(() => drawCell('ig', 64, rng, { difficulty: 2 })).toThrow(/difficulty of 0 to 1, got 2/);
    expect(() => drawCell('plasma' as SmearClass, 64, rng)).toThrow(/a class of basophil, .*got plasma/);
  });
});

/** Outline pixels squared over area: small for a disc, large for lobes. */
function outlineIndex(mask: Uint8Array, size: number): number {
  let edge = 0;
  for (let i = size; i < mask.length - size; i++) {
    if (mask[i] && !(mask[i - 1] && mask[i + 1] && mask[i - size] && mask[i + size])) edge++;
  }
  return edge ** 2 / count(mask);
}

function cytoplasm(cell: DrawnCell, measure: (r: number, g: number, b: number) => number): number {
  const { image, nucleusMask, cellMask } = cell;
  let sum = 0;
  let pixels = 0;
  for (let i = 0; i < cellMask.length; i++) {
    if (!cellMask[i] || nucleusMask[i]) continue;
    sum += measure(image[3 * i], image[3 * i + 1], image[3 * i + 2]);
    pixels++;
  }
  return sum / Math.max(1, pixels);
}
