import { describe, expect, it } from 'vitest';
import { memorySource, noise } from '../../test/data-fixtures.ts';
import { random } from '../random.ts';
import { type AugmentOptions, augmentImage, checkAugmentOptions, withAugmentedCopies } from './augment.ts';
import type { ImageShape } from './image.ts';
import { toPlanes, valueTable } from './planar.ts';
import { affineMap, type Fill, type Placement, warp } from './warp.ts';

const STILL: Placement = {
  flipHorizontal: false,
  flipVertical: false,
  degrees: 0,
  zoom: 1,
  shiftX: 0,
  shiftY: 0,
};
const BYTES = Float32Array.from({ length: 256 }, (_, i) => i);

/** Warps a grey image of rows, values kept as bytes. */
function place(
  rows: number[][],
  change: Partial<Placement>,
  fill: Fill = 'constant',
  fillValue = 0,
): number[][] {
  const shape = { height: rows.length, width: rows[0].length, channels: 1 };
  const out = new Float32Array(shape.height * shape.width);
  const map = affineMap(shape, { ...STILL, ...change });
  warp(Uint8Array.from(rows.flat()), shape, map, { table: BYTES, fill, fillValue, out, offset: 0 });
  return rows.map((_, y) => [...out.subarray(y * shape.width, (y + 1) * shape.width)]);
}

const SQUARE = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
];

describe('warp', () => {
  it('is the identity at zero strength, on odd and even sizes and for colour', () => {
    for (const shape of [
      { height: 7, width: 4, channels: 3 },
      { height: 6, width: 6, channels: 1 },
    ]) {
      const bytes = shape.height * shape.width * shape.channels;
      const planes = noise(bytes);
      const table = valueTable(shape.channels, undefined);
      const out = new Float32Array(bytes);
      augmentImage(planes, shape, {}, random(1), { table, out, offset: 0 });
      expect(out).toEqual(Float32Array.from(planes, (v) => v / 255));
    }
  });

  it('flips, and twice is the identity', () => {
    const right = place(SQUARE, { flipHorizontal: true });
    expect(right).toEqual(SQUARE.map((row) => [...row].reverse()));
    expect(place(right, { flipHorizontal: true })).toEqual(SQUARE);
    expect(place(SQUARE, { flipVertical: true })).toEqual([...SQUARE].reverse());
  });

  it('turns a square by quarters exactly, counter-clockwise', () => {
    expect(place(SQUARE, { degrees: 90 })).toEqual([
      [3, 6, 9],
      [2, 5, 8],
      [1, 4, 7],
    ]);
    expect(place(SQUARE, { degrees: -90 })).toEqual([
      [7, 4, 1],
      [8, 5, 2],
      [9, 6, 3],
    ]);
    expect(place(place(SQUARE, { degrees: 90 }), { degrees: -90 })).toEqual(SQUARE);
    const even = [
      [1, 2],
      [3, 4],
    ];
    expect(place(even, { degrees: 180 })).toEqual([
      [4, 3],
      [2, 1],
    ]);
  });

  it('shifts right and down, filling as asked', () => {
    expect(place(SQUARE, { shiftX: 1 }, 'constant', 1)).toEqual([
      [255, 1, 2],
      [255, 4, 5],
      [255, 7, 8],
    ]);
    expect(place(SQUARE, { shiftY: 2 }, 'nearest')).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]);
    expect(place([[1, 2, 3, 4]], { shiftX: 3 }, 'reflect')).toEqual([[3, 2, 1, 1]]);
    expect(place([[10, 20, 30]], { shiftX: 0.5 }, 'nearest')).toEqual([[10, 15, 25]]);
    expect(place([[10, 20, 30]], { shiftX: -0.5 }, 'constant')).toEqual([[15, 25, 15]]);
  });

  it('magnifies about the centre', () => {
    expect(place([[0, 10, 20, 30, 40]], { zoom: 2 }, 'nearest')).toEqual([[10, 15, 20, 25, 30]]);
    expect(place([[0, 10, 20, 30, 40]], { zoom: 0.5 }, 'constant')).toEqual([[0, 0, 20, 40, 0]]);
  });

  it('does flip, then turn, then shift', () => {
    const step = place(place(place(SQUARE, { flipHorizontal: true }), { degrees: 90 }), { shiftX: 1 });
    expect(place(SQUARE, { flipHorizontal: true, degrees: 90, shiftX: 1 })).toEqual(step);
  });

  it('fills a normalised image with the normalised constant', () => {
    const shape = { height: 1, width: 2, channels: 1 };
    const out = new Float32Array(2);
    const table = valueTable(1, { mean: [0.5], std: [0.25] });
    const map = affineMap(shape, { ...STILL, shiftX: 2 });
    warp(Uint8Array.of(9, 9), shape, map, { table, fill: 'constant', fillValue: 0.75, out, offset: 0 });
    expect([...out]).toEqual([1, 1]);
  });
});

describe('augmentImage', () => {
  const shape: ImageShape = { height: 9, width: 9, channels: 3 };
  const planes = noise(243, 4);
  const table = valueTable(3, undefined);
  const run = (options: AugmentOptions, ...key: number[]) => {
    const out = new Float32Array(243);
    augmentImage(planes, shape, options, random(5, 'augment', ...key), { table, out, offset: 0 });
    return out;
  };
  const all: AugmentOptions = { flipHorizontal: true, rotation: 15, shift: 0.1, zoom: 0.1, cropPadding: 2 };

  it('repeats by key and differs between keys', () => {
    expect(run(all, 1, 2)).toEqual(run(all, 1, 2));
    expect(run(all, 1, 2)).not.toEqual(run(all, 1, 3));
  });

  it('crops with padding by whole pixels within the padding, and uses all places', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 400; i++) {
      const out = run({ cropPadding: 1, fill: 'constant' }, i);
      const centre = out[4 * 9 + 4];
      const dy = [-1, 0, 1].find((y) =>
        [-1, 0, 1].some((x) => planes[(4 + y) * 9 + 4 + x] / 255 - centre < 1e-9),
      );
      expect(dy).toBeDefined();
      expect(out.every((value) => Math.abs(value * 255 - Math.round(value * 255)) < 1e-4)).toBe(true);
      seen.add([...out.subarray(0, 81)].map((value) => Math.round(value * 255)).join());
    }
    expect(seen.size).toBe(9);
  });

  it('flips about half of the images', () => {
    let flipped = 0;
    for (let i = 0; i < 400; i++)
      if (run({ flipVertical: true }, i)[0] !== Math.fround(planes[0] / 255)) flipped++;
    expect(flipped).toBeGreaterThan(160);
    expect(flipped).toBeLessThan(240);
  });
});

describe('checkAugmentOptions', () => {
  it('names wrong ranges and the nearest right option', () => {
    expect(() => checkAugmentOptions({ rotation: 200 })).toThrow(
      /augment\.rotation: expected degrees .* got 200/,
    );
    expect(() => checkAugmentOptions({ zoom: 1 })).toThrow(/augment\.zoom/);
    expect(() => checkAugmentOptions({ cropPadding: 1.5 })).toThrow(/whole pixels, 0 or more, got 1\.5/);
    expect(() => checkAugmentOptions({ fill: 'mirror' })).toThrow(
      /one of nearest, reflect, constant, got mirror/,
    );
    expect(() => checkAugmentOptions({ flipHorizonal: true })).toThrow(/did you mean flipHorizontal\?/);
    expect(() => checkAugmentOptions({ flipVertical: 1 })).toThrow(/true or false/);
    expect(checkAugmentOptions({ shift: 0.1 })).toEqual({ shift: 0.1 });
  });
});

describe('withAugmentedCopies', () => {
  const shape = { height: 5, width: 5, channels: 3 };
  const images = [noise(75, 1), noise(75, 2)];
  const read = async (source: ReturnType<typeof withAugmentedCopies>, index: number) => {
    const target = new Uint8Array(75);
    await source.read(index, target);
    return target;
  };

  it('appends copies that repeat, with labels and names', async () => {
    const options = { copies: 2, augment: { rotation: 30, fill: 'reflect' as const }, seed: 1 };
    const source = withAugmentedCopies(memorySource(images, [3, 4]), shape, options);
    expect([...source.labels]).toEqual([3, 4, 3, 4, 3, 4]);
    expect([1, 3, 5].map((i) => source.name(i))).toEqual(['image[1]', 'image[1]#1', 'image[1]#2']);
    expect(await read(source, 1)).toEqual(images[1]);
    const copy = await read(source, 3);
    expect(copy).not.toEqual(images[1]);
    expect(await read(source, 3)).toEqual(copy);
    expect(await read(source, 5)).not.toEqual(copy);
  });

  it('copies exactly when nothing is changed, and flips within the channels', async () => {
    const still = withAugmentedCopies(memorySource(images), shape, { copies: 1, augment: {}, seed: 1 });
    expect(await read(still, 3)).toEqual(images[1]);
    const planes = new Uint8Array(75);
    toPlanes(images[0], shape, planes);
    expect(planes[25]).toBe(images[0][1]);
  });
});
