/** What moves or hides parts of the image. */
import { toPlanes, valueTable } from '../planar.ts';
import { affineMap, warp } from '../warp.ts';
import { defineCorruption, PAPER_E } from './corruption.ts';

export const rotation = defineCorruption({
  title: 'Rotation',
  source: PAPER_E,
  levels: [5, 15, 30, 45, 90],
  show: (degrees) => `± ${degrees}°, mirrored at the edge`,
  apply: (image, degrees, draw) => {
    const { data, channels } = image;
    const still = { flipHorizontal: false, flipVertical: false, zoom: 1, shiftX: 0, shiftY: 0 };
    const map = affineMap(image, { ...still, degrees: draw.uniform() < 0.5 ? -degrees : degrees });
    const planes = new Uint8Array(data.length);
    toPlanes(data, image, planes);
    const out = new Float32Array(data.length);
    warp(planes, image, map, { table: valueTable(channels), fill: 'reflect', fillValue: 0, out, offset: 0 });
    const area = data.length / channels;
    const turned = new Uint8ClampedArray(data.length);
    for (let i = 0; i < turned.length; i++)
      turned[i] = 255 * out[(i % channels) * area + Math.floor(i / channels)];
    return new Uint8Array(turned.buffer);
  },
});

export const occlusion = defineCorruption({
  title: 'Occlusion',
  source: PAPER_E,
  levels: [0.1, 0.15, 0.2, 0.25, 0.3],
  show: (share) => `black square of ${100 * share} % of the side`,
  apply: ({ data, height, width, channels }, share, draw) => {
    const out = Uint8Array.from(data);
    const side = Math.max(1, Math.round(share * Math.min(height, width)));
    const left = draw.int(width - side + 1);
    const top = draw.int(height - side + 1);
    for (let y = top; y < top + side; y++) {
      const from = (y * width + left) * channels;
      out.fill(0, from, from + side * channels);
    }
    return out;
  },
});
