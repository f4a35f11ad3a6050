/** Heat as colour, and plates of pictures. */
import sharp from 'sharp';
import { describe, expect, it, test } from 'vitest';
import { errorPlate } from './error-plate.ts';
import { asColour, colouredHeat, HEAT_SCALES, heatColours, overlaid } from './heat-colours.ts';
import { drawPlate, type Picture, platePng } from './plate.ts';

/** Lightness L* (CIE 1976) of sRGB bytes. */
function lightness(rgb: Uint8Array): number {
  const [r, g, b] = [...rgb].map((x) => (x <= 10 ? x / 255 / 12.92 : ((x / 255 + 0.055) / 1.055) ** 2.4));
  return 116 * Math.cbrt(0.2126 * r + 0.7152 * g + 0.0722 * b) - 16;
}

describe('heat colours', () => {
  it.each(HEAT_SCALES)('%s grows lighter in even steps', async (scale) => {
    const colours = await heatColours(scale);
    const light = [0, 64, 128, 192, 255].map((i) => lightness(colours.subarray(3 * i, 3 * i + 3)));
    const steps = light.slice(1).map((l, i) => l - light[i]);
    expect(Math.min(...steps)).toBeGreaterThan(10);
    expect(Math.max(...steps) / Math.min(...steps)).toBeLessThan(1.9);
  });

  it('take the ends for what lies beyond, and mix on one scale', async () => {
    const colours = await heatColours('inferno');
    const heat = colouredHeat({ height: 1, width: 3, values: Float32Array.of(-1, 2, 0) }, colours);
    expect([...heat.subarray(0, 3)]).toEqual([...heat.subarray(6, 9)]);
    expect([...heat.subarray(3, 6)]).toEqual([...colours.subarray(-3)]);
    const image = asColour(Uint8Array.of(100), 1);
    expect([...image]).toEqual([100, 100, 100]);
    expect([...overlaid(image, Uint8Array.of(200, 0, 100), 0.25)]).toEqual([125, 75, 100]);
    expect([...overlaid(Uint8Array.of(255, 0, 0), Uint8Array.of(9, 9, 9), 0)]).toEqual([76, 76, 76]);
  });
});

describe('drawPlate()', () => {
  const picture = (value: number): Picture => ({
    ...{ height: 56, width: 56, channels: 3 },
    pixels: new Uint8Array(56 * 56 * 3).fill(value),
  });
  const plate = {
    slug: 'cells',
    title: 'Cells & more',
    description: 'Two cells',
    headings: ['image', 'overlay'],
    rows: [0, 1].map((i) => ({
      pictures: [picture(10), picture(200)],
      caption: [
        `cell <${i}>`,
        'a name that is much too long to stand below two small pictures, so its end is left out',
      ],
      marked: i === 1,
    })),
  };

  it('puts pictures and words where they belong', async () => {
    const drawn = await drawPlate(plate);
    expect(drawn.svg).toContain('cell &lt;0&gt;');
    expect(drawn.svg).toContain('…');
    expect(drawn.svg).toMatch(
      /role="img" aria-label="Cells &amp; more" aria-describedby="cells-description"/,
    );
    expect(drawn.svg).toContain('<desc id="cells-description">Two cells</desc>');
    expect(drawn.svg.match(/data:image\/png/g)).toHaveLength(4);
    const { data, info } = await sharp(await platePng(drawn))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number) => data[(y * info.width + x) * 3];
    // At twice the size: two strips of two pictures of 112 pixels side by side, below the headings.
    expect(info.width).toBe(2 * (4 * 112 + 2 * 4 + 28));
    expect([at(100, 140), at(100 + 232, 140), at(100 + 512, 140), at(480, 140)]).toEqual([10, 200, 10, 255]);
  });

  it('refuses rows that do not fit the headings', async () => {
    await expect(drawPlate({ ...plate, headings: ['image'] })).rejects.toThrow(
      'expected rows of 1 pictures, got [2, 2]',
    );
  });
});

test('errors stand on a plate with what is true, what was said, and the name of the file', async () => {
  const picture: Picture = { pixels: new Uint8Array(28 * 28).fill(90), height: 28, width: 28, channels: 1 };
  const error = { picture, name: 'test/ig/MY_1.png', label: 'ig', predicted: 'monocyte', confidence: 0.987 };
  const plate = errorPlate('scnn', [error, { ...error, name: 'no folder' }]);
  const { svg, description } = await drawPlate(plate);
  for (const words of ['true ig', 'said monocyte', '98.7\u00a0%', 'MY_1.png', 'no folder'])
    expect(svg).toContain(`>${words}</text>`);
  expect(description).toContain('test/ig/MY_1.png: ig taken for monocyte, 98.7');
  expect(svg.match(/data:image\/png/g)).toHaveLength(2);
});
