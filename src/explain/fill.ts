/**
 * What stands in for pixels that are taken away from an image: its mean colour, black, or the image blurred until nothing
 * can be told in it. Planes as networks see them: [C, H, W] in [0, 1].
 */
export const FILLS = ['mean', 'black', 'blurred'] as const;
export type Fill = (typeof FILLS)[number];

/** Standard deviation of the blur, as a share of the longer side. */
const BLUR = 1 / 12;

/** The picture that the pixels are taken from, of the same shape. */
export function filler(
  fill: Fill,
  image: Float32Array,
  { channels, height, width }: { channels: number; height: number; width: number },
): Float32Array {
  const area = height * width;
  const out = new Float32Array(image.length);
  if (fill === 'black') return out;
  for (let c = 0; c < channels; c++) {
    const plane = image.subarray(c * area, (c + 1) * area);
    const into = out.subarray(c * area, (c + 1) * area);
    if (fill === 'mean') into.fill(plane.reduce((sum, x) => sum + x, 0) / area);
    else into.set(blurred(plane, height, width, BLUR * Math.max(height, width)));
  }
  return out;
}

/** Gaussian blur with edges held, rows and columns one after the other. */
function blurred(plane: Float32Array, height: number, width: number, sigma: number): Float32Array {
  const reach = Math.ceil(3 * sigma);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((sum, w) => sum + w, 0);
  const pass = (from: Float32Array, length: number, lines: number, step: number, jump: number) => {
    const to = new Float32Array(from.length);
    for (let line = 0; line < lines; line++)
      for (let i = 0; i < length; i++) {
        let sum = 0;
        for (let k = -reach; k <= reach; k++) {
          const at = Math.min(Math.max(i + k, 0), length - 1);
          sum += weights[k + reach] * from[line * jump + at * step];
        }
        to[line * jump + i * step] = sum / total;
      }
    return to;
  };
  return pass(pass(plane, width, height, 1, width), height, width, width, 1);
}
