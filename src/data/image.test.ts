import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from 'fast-bmp';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { noise, temporaryFolder } from '../../test/data-fixtures.ts';
import { decodeBmp } from './bmp.ts';
import { decodeFile, resizePixels, sniffImage, writeChannels } from './image.ts';

const folder = await temporaryFolder();
const WIDTH = 5;
const HEIGHT = 4;
const RGB = noise(WIDTH * HEIGHT * 3, 7);
const source = () => sharp(RGB, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });

async function decoded(name: string, content: Uint8Array) {
  const path = join(folder, name);
  await writeFile(path, content);
  const pixels = await decodeFile(path);
  const out = new Uint8Array(pixels.height * pixels.width * 3);
  writeChannels(pixels, out, 3);
  return { ...pixels, data: out };
}

describe('decodeFile', () => {
  it('reads lossless PNG, WebP and TIFF exactly, JPEG nearly', async () => {
    for (const [name, image] of [
      ['a.png', source().png()],
      ['a.webp', source().webp({ lossless: true })],
      ['a.tiff', source().tiff({ compression: 'lzw' })],
    ] as const) {
      const pixels = await decoded(name, await image.toBuffer());
      expect([pixels.width, pixels.height], name).toEqual([WIDTH, HEIGHT]);
      expect(pixels.data, name).toEqual(RGB);
    }
    const flat = sharp({
      create: { width: 8, height: 8, channels: 3, background: { r: 200, g: 60, b: 120 } },
    });
    const { data } = await decoded('a.jpg', await flat.jpeg({ quality: 100 }).toBuffer());
    expect(Math.abs(data[0] - 200) + Math.abs(data[1] - 60) + Math.abs(data[2] - 120)).toBeLessThan(6);
  });

  it('makes RGB 8-bit of grey, alpha and 16 bits', async () => {
    const grey = noise(20, 3);
    const repeated = Uint8Array.from(grey).reduce<number[]>((list, v) => list.concat([v, v, v]), []);
    const raw = { width: WIDTH, height: HEIGHT, channels: 1 as const };
    const png = await sharp(grey, { raw }).toColourspace('b-w').png().toBuffer();
    expect([...(await decoded('g.png', png)).data]).toEqual(repeated);
    const wide = Uint16Array.from(grey, (v) => v * 257);
    const png16 = await sharp(wide, { raw }).toColourspace('grey16').png().toBuffer();
    expect((await sharp(png16).metadata()).depth).toBe('ushort');
    expect([...(await decoded('g16.png', png16)).data]).toEqual(repeated);
    const alpha = await source().ensureAlpha(0.3).png().toBuffer();
    expect((await decoded('alpha.png', alpha)).data).toEqual(RGB);
  });

  it('refuses a cut-off file of every kind', async () => {
    for (const format of ['png', 'jpeg', 'webp', 'tiff'] as const) {
      const whole = await sharp(noise(64 * 64 * 3), { raw: { width: 64, height: 64, channels: 3 } })
        .toFormat(format)
        .toBuffer();
      const path = join(folder, `cut.${format}`);
      await writeFile(path, whole.subarray(0, Math.floor(whole.length * 0.7)));
      await expect(decodeFile(path), format).rejects.toThrow();
    }
  });
});

describe('writeChannels', () => {
  it('makes luma of RGB', () => {
    const out = new Uint8Array(3);
    const data = Uint8Array.of(255, 0, 0, 0, 255, 0, 255, 255, 255);
    writeChannels({ height: 1, width: 3, channels: 3, data }, out, 1);
    expect([...out]).toEqual([76, 150, 255]);
  });
});

describe('resizePixels', () => {
  it('keeps a flat colour, halves a step edge to its mean, and keeps the channels', async () => {
    const step = Uint8Array.from({ length: 64 }, (_, i) => (i % 8 < 4 ? 40 : 200));
    const half = await resizePixels(
      { height: 8, width: 8, channels: 1, data: step },
      { height: 4, width: 4 },
    );
    const grey = new Uint8Array(16);
    writeChannels(half, grey, 1);
    expect(Math.abs(grey[0] - 40)).toBeLessThanOrEqual(8);
    expect(Math.abs(grey[3] - 200)).toBeLessThanOrEqual(8);
    expect(grey[0] + grey[1] + grey[2] + grey[3]).toBeGreaterThan(4 * 112);
    expect(grey[0] + grey[1] + grey[2] + grey[3]).toBeLessThan(4 * 128);
    const flat = new Uint8Array(48).fill(90);
    const up = await resizePixels({ height: 4, width: 4, channels: 3, data: flat }, { height: 7, width: 5 });
    expect([up.height, up.width]).toEqual([7, 5]);
    expect(new Set(up.data)).toEqual(new Set([90]));
  });
});

describe('decodeBmp', () => {
  const bmp = (channels: 1 | 3, data: Uint8Array) =>
    encode({
      width: WIDTH,
      height: HEIGHT,
      data,
      bitsPerPixel: channels * 8,
      components: channels,
      channels,
    });

  it('reads what another encoder writes, and what it does not write: top-down and palettes', () => {
    const file = bmp(3, RGB);
    expect(decodeBmp(file)).toEqual({ width: WIDTH, height: HEIGHT, data: RGB });
    const topDown = Uint8Array.from(file);
    new DataView(topDown.buffer).setInt32(22, -HEIGHT, true);
    const rows = Array.from({ length: HEIGHT }, (_, y) => RGB.subarray(15 * y, 15 * y + 15));
    expect([...decodeBmp(topDown).data]).toEqual(rows.reverse().flatMap((row) => [...row]));

    // 2 × 1 pixels at 4 bits with a palette of black and orange.
    const palette = Buffer.alloc(14 + 40 + 8 + 4);
    palette.write('BM');
    palette.writeUInt32LE(62, 10);
    palette.writeUInt32LE(40, 14);
    palette.writeInt32LE(2, 18);
    palette.writeInt32LE(1, 22);
    palette.writeUInt16LE(4, 28);
    palette.writeUInt32LE(2, 46);
    palette.set([0, 128, 255, 0], 58);
    palette[62] = 0x10;
    expect([...decodeBmp(palette).data]).toEqual([255, 128, 0, 0, 0, 0]);
  });

  it('reads 32 bits, and a file through decodeFile', async () => {
    const rgba = Uint8Array.from({ length: WIDTH * HEIGHT * 4 }, (_, i) =>
      i % 4 === 3 ? 9 : RGB[Math.floor(i / 4) * 3 + (i % 4)],
    );
    const file = encode({
      width: WIDTH,
      height: HEIGHT,
      data: rgba,
      bitsPerPixel: 32,
      components: 3,
      channels: 4,
    });
    expect(decodeBmp(file).data).toEqual(RGB);
    expect((await decoded('a.bmp', file)).data).toEqual(RGB);
  });

  it('refuses cut-off and compressed files by name', () => {
    const file = bmp(3, RGB);
    expect(() => decodeBmp(file.subarray(0, file.length - 5))).toThrow(/cut off: \d+ bytes of \d+/);
    const compressed = Uint8Array.from(file);
    compressed[30] = 1;
    expect(() => decodeBmp(compressed)).toThrow(/compressed BMP \(method 1\)/);
  });
});

describe('sniffImage', () => {
  it('tells kinds by their first bytes', async () => {
    for (const format of ['png', 'jpeg', 'webp', 'tiff'] as const) {
      expect(sniffImage(await source().toFormat(format).toBuffer())).toBe(format);
    }
    expect(sniffImage(Buffer.from('hello'))).toBeUndefined();
    expect(sniffImage(new Uint8Array(0))).toBeUndefined();
  });
});
