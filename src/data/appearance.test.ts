import { expect, it } from 'vitest';
import { memorySource } from '../../test/data-fixtures.ts';
import { appearancesOf } from './appearance.ts';
import { readImage } from './dataset.ts';
import { openSmear } from './smear/source.ts';

const smear = openSmear({ size: 24, images: { train: 24, val: 8, test: 8 } });
const images = await Promise.all(
  Array.from({ length: 24 }, async (_, i) => (await readImage(smear.splits.train, smear, i)).data),
);

/** Turned by half a turn: the pixels in the opposite order. */
function turned(image: Uint8Array): Uint8Array {
  const pixels = image.length / 3;
  return Uint8Array.from(image, (_, i) => image[3 * (pixels - 1 - Math.floor(i / 3)) + (i % 3)]);
}

it('is the same for an image that is turned, and differs between images', async () => {
  const { size, values } = await appearancesOf(memorySource([...images, turned(images[3])]), smear);
  expect(size).toBe(48);
  const row = (i: number) => values.subarray(i * size, (i + 1) * size);
  row(24).forEach((value, k) => {
    expect(value, `${k}`).toBeCloseTo(row(3)[k], 4);
  });
  const difference = row(4).reduce((sum, value, k) => sum + Math.abs(value - row(3)[k]), 0);
  expect(difference).toBeGreaterThan(5);
});

it('is standardised: mean 0, deviation 1; what never differs is 0', async () => {
  const grey = images.map((image) => image.filter((_, i) => i % 3 === 0));
  const { size, values } = await appearancesOf(memorySource(grey), { ...smear, channels: 1 });
  expect(size).toBe(16);
  for (let k = 0; k < size; k++) {
    const column = grey.map((_, i) => values[i * size + k]);
    const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
    const variance = column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / column.length;
    expect(mean).toBeCloseTo(0, 4);
    expect(variance).toBeCloseTo(1, 3);
  }
  const same = await appearancesOf(memorySource([images[0], images[0]]), smear);
  expect(same.values.every((value) => value === 0)).toBe(true);
});
