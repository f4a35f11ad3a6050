/**
 * SMOTE: a new image lies between an image and one of its k nearest neighbours of the same class, pixel by pixel, at a
 * random share of the way. Chawla et al. 2002, with the steps of imbalanced-learn: image and neighbour are drawn together,
 * and the result is cut to whole numbers.
 *
 * Given bytes, imbalanced-learn subtracts bytes: a neighbour that is darker by 1 lies 255 away, and what was to be between two
 * images is noise. Paper (c) says that SMOTE adds noise; this is where it came from. `uint8` does the same.
 */
import { compile } from '../compile/compile.ts';
import { openEngine } from '../engine/select.ts';
import { mismatch } from '../errors.ts';
import { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/value.ts';
import { linear } from '../ops/dense.ts';
import { random } from '../random.ts';
import type { Missing } from './balance.ts';
import type { ImageSource } from './dataset.ts';
import { type ImageShape, imageBytes } from './image.ts';

export interface SmoteOptions {
  /** For each class. */
  readonly missing: readonly Missing[];
  /** Nearest neighbours to draw from. */
  readonly k: number;
  /** Of the difference between image and neighbour. */
  readonly arithmetic: 'exact' | 'uint8';
  readonly seed: number;
}

interface Blend {
  readonly label: number;
  /** Places of the image and of its neighbour's rank in the class. */
  readonly member: number;
  readonly rank: number;
  readonly share: number;
}

/** A source with the new images behind the images themselves. Neighbours are looked for when the first is read. */
export function withSmote(
  source: ImageSource,
  shape: ImageShape,
  { missing, k, arithmetic, seed }: SmoteOptions,
): ImageSource {
  const blends = missing.flatMap(({ members, count }, label): Blend[] => {
    if (count > 0 && members.length <= k)
      throw mismatch(
        'SMOTE',
        `more than ${k} images of each class`,
        `${members.length} of class ${label}`,
        'lower k',
      );
    const draw = random(seed, 'smote', label);
    return Array.from({ length: count }, () => {
      const both = draw.int(members.length * k);
      return { label, member: Math.floor(both / k), rank: both % k, share: draw.uniform() };
    });
  });
  const labels = new Int32Array(source.length + blends.length);
  labels.set(source.labels);
  labels.set(
    blends.map(({ label }) => label),
    source.length,
  );
  const neighbours = new Map<number, Promise<Int32Array>>();
  const neighboursOf = (label: number) => {
    const known =
      neighbours.get(label) ?? nearestOfClass(source, imageBytes(shape), missing[label].members, k);
    neighbours.set(label, known);
    return known;
  };
  return {
    length: labels.length,
    labels,
    name: (index) => (index < source.length ? source.name(index) : `smote#${index - source.length + 1}`),
    async read(index, target) {
      if (index < source.length) return source.read(index, target);
      const { label, member, rank, share } = blends[index - source.length];
      const { members } = missing[label];
      const nearest = (await neighboursOf(label))[member * k + rank];
      const other = new Uint8Array(target.length);
      await Promise.all([source.read(members[member], target), source.read(members[nearest], other)]);
      // A byte takes what it is given modulo 256.
      const whole = arithmetic === 'uint8' ? 0xff : -1;
      for (let i = 0; i < target.length; i++) target[i] += share * ((other[i] - target[i]) & whole);
    },
  };
}

/** Rows of the matrix of distances that are made at once. */
const ROWS = 256;
/** Neighbours by rounded distances, from which the nearest are chosen by exact ones. */
const SPARE = 8;

/** For each member, the places of its k nearest others by Euclidean distance, nearest first; on ties the first. */
async function nearestOfClass(
  source: ImageSource,
  bytes: number,
  members: readonly number[],
  k: number,
): Promise<Int32Array> {
  const pixels = await Promise.all(
    members.map(async (index) => {
      const image = new Uint8Array(bytes);
      await source.read(index, image);
      return image;
    }),
  );
  const inner = await innerProducts(pixels, bytes);
  const n = members.length;
  const norms = Float64Array.from({ length: n }, (_, i) => inner[i * n + i]);
  const nearest = new Int32Array(n * k);
  for (let i = 0; i < n; i++) {
    const rounded = (j: number) => norms[j] - 2 * inner[i * n + j];
    const others = Array.from({ length: n }, (_, j) => j).filter((j) => j !== i);
    const candidates = others.sort((a, b) => rounded(a) - rounded(b)).slice(0, k + SPARE);
    const exact = candidates.map((j) => ({ j, distance: squaredDistance(pixels[i], pixels[j]) }));
    exact.sort((a, b) => a.distance - b.distance || a.j - b.j);
    nearest.set(
      exact.slice(0, k).map(({ j }) => j),
      i * k,
    );
  }
  return nearest;
}

function squaredDistance(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum;
}

/** All inner products of images, around middle grey so that they stay small; a matrix product on the engine. */
async function innerProducts(pixels: readonly Uint8Array[], bytes: number): Promise<Float32Array> {
  const n = pixels.length;
  const all = new Float32Array(n * bytes);
  for (const [i, image] of pixels.entries())
    for (let p = 0; p < bytes; p++) all[i * bytes + p] = image[p] - 128;
  const graph = new Graph();
  const images = graph.variable({ name: 'images', kind: 'state', shape: [n, bytes], initial: () => all });
  graph.output('products', linear(graph.input('rows', f32([ROWS, bytes])), images, null));
  const session = openEngine().createSession();
  try {
    const program = session.load(compile(graph));
    const products = new Float32Array(n * n);
    const rows = new Float32Array(ROWS * bytes);
    for (let first = 0; first < n; first += ROWS) {
      const count = Math.min(ROWS, n - first);
      rows.fill(0);
      rows.set(all.subarray(first * bytes, (first + count) * bytes));
      await program.run({ rows });
      products.set(program.read('products').subarray(0, count * n), first * n);
    }
    return products;
  } finally {
    session.close();
  }
}
