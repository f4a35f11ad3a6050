/** Which images a command explains: files, images of a split by name, or some of each class. */
import { existsSync } from 'node:fs';
import type { Dataset, ImageSource } from '../data/dataset.ts';
import { readImage } from '../data/dataset.ts';
import { readImageFile } from '../data/single.ts';
import { EXIT, nearest, SomaError } from '../errors.ts';
import type { ShownImage } from '../explain/explain.ts';
import { random } from '../random.ts';
import type { RunConfig } from '../train/config.ts';
import { openRunData } from '../train/open-run.ts';
import type { ExplainFlags } from './explain-flags.ts';

export interface ChosenImages {
  readonly images: readonly ShownImage[];
  /** For people: of what they are, and how they were chosen. */
  readonly from: string;
}

type Choice = Pick<ExplainFlags, 'data' | 'split' | 'perClass' | 'seed'>;

/** @throws SomaError for a name that is neither a file nor an image of the split */
export async function chooseImages(
  config: RunConfig,
  names: readonly string[],
  flags: Choice,
): Promise<ChosenImages> {
  const { height, width, channels } = config.data;
  if (names.length > 0 && names.every((name) => existsSync(name))) {
    const images: ShownImage[] = [];
    for (const name of names)
      images.push({ name, truth: null, pixels: await readImageFile(name, { height, width, channels }) });
    return { images, from: 'files that were named' };
  }
  const dataset = await openRunData(config, flags.data);
  try {
    const source = dataset.splits[flags.split];
    const chosen = names.length > 0 ? named(source, names) : someOfEach(source, dataset, flags);
    const images = await imagesAt(source, dataset, chosen);
    const how = names.length > 0 ? 'named' : `drawn by seed ${flags.seed}`;
    return { images, from: `${dataset.name}, ${flags.split}, ${how}` };
  } finally {
    await dataset.close();
  }
}

/** As many images of the split as `--images` says, drawn by seed, with their indices. */
export async function chooseAcross(
  config: RunConfig,
  flags: Pick<ExplainFlags, 'data' | 'split' | 'seed' | 'images'>,
): Promise<{ images: readonly ShownImage[]; indices: readonly number[] }> {
  const dataset = await openRunData(config, flags.data);
  try {
    const source = dataset.splits[flags.split];
    const all = Array.from({ length: source.length }, (_, i) => i);
    const drawn = random(flags.seed, 'explain', 'across').shuffle(all).slice(0, flags.images);
    const indices = drawn.sort((a, b) => a - b);
    return { images: await imagesAt(source, dataset, indices), indices };
  } finally {
    await dataset.close();
  }
}

/** Images of a split by their indices. */
export async function imagesAt(
  source: ImageSource,
  dataset: Dataset,
  indices: readonly number[],
): Promise<ShownImage[]> {
  const images: ShownImage[] = [];
  for (const index of indices) {
    const { data } = await readImage(source, dataset, index);
    images.push({ name: source.name(index), truth: source.labels[index], pixels: data });
  }
  return images;
}

function named(source: ImageSource, wanted: readonly string[]): number[] {
  const places = new Map(Array.from({ length: source.length }, (_, i) => [source.name(i), i]));
  return wanted.map((name) => {
    const index = places.get(name);
    if (index !== undefined) return index;
    const meant = nearest(name, places.keys());
    throw new SomaError(
      `explain: expected files or images of the split, got ${name}${meant ? `; did you mean ${meant}?` : ''}`,
      EXIT.usage,
    );
  });
}

function someOfEach(source: ImageSource, { classes }: Dataset, { perClass, seed }: Choice): number[] {
  return classes.flatMap((_, k) => {
    const own = [...source.labels.keys()].filter((i) => source.labels[i] === k);
    return random(seed, 'explain', k)
      .shuffle(own)
      .slice(0, perClass)
      .sort((a, b) => a - b);
  });
}
