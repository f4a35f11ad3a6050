import { expect, it } from 'vitest';
import type { ImageSource } from '../data/dataset.ts';
import { imagesToTime } from './timing.ts';

/** Ten images of each of ten classes, class by class as in folders; every pixel is the index of the image. */
const folders: ImageSource = {
  length: 100,
  labels: Int32Array.from({ length: 100 }, (_, i) => Math.floor(i / 10)),
  name: (index) => `${index}`,
  read: async (index, target) => {
    target.fill(index);
  },
};
const shape = { height: 2, width: 3, channels: 1 };

it('time is measured on images of all classes, each its own, the same every time', async () => {
  const images = await imagesToTime(shape, folders, 64);
  const indices = images.map((image) => Math.round(255 * image[0]));
  expect(new Set(indices).size).toBe(64);
  expect(new Set(indices.map((index) => folders.labels[index])).size).toBe(10);
  for (const [i, image] of images.entries())
    expect([...image].map((x) => Math.round(255 * x))).toEqual(new Array(6).fill(indices[i]));
  expect(await imagesToTime(shape, folders, 64)).toEqual(images);
  expect(await imagesToTime(shape, folders, 200)).toHaveLength(100);
});
