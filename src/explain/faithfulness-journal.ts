/**
 * What was measured of the faithfulness of maps, image by image: `faithfulness.jsonl` in the folder of a run, one line for
 * each image and order, only ever appended to. A line is found again by a key of all that it depends on, the images that
 * were explained together among them, so that a command that was stopped goes on where it was.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { appendJsonLines, readJsonLines } from '../files.ts';
import type { Weights } from '../train/open-run.ts';
import { type RunFolder, TRAINING } from '../train/run-folder.ts';
import type { Asked, ShownImage } from './explain.ts';
import type { FaithfulnessOptions, Ranking } from './faithfulness.ts';
import type { ExplainOptions } from './method.ts';

/** What an order of pixels makes of one image. */
export interface ImageFigures {
  /** Layer that was looked at; null of a control. */
  readonly layer: string | null;
  /** Probability of the class after each part. */
  readonly deletion: readonly number[];
  readonly insertion: readonly number[];
  /** Null where no mask says where it lies. */
  readonly nucleus: { readonly heat: number; readonly pointing: number } | null;
}

export interface FaithfulnessJournal {
  /** Fingerprint of the network and of how it is explained. */
  readonly network: string;
  /** The figures of all of these images; undefined where one is not known. */
  find(key: string, ranking: Ranking, images: readonly ShownImage[]): readonly ImageFigures[] | undefined;
  append(
    key: string,
    ranking: Ranking,
    images: readonly ShownImage[],
    figures: readonly ImageFigures[],
  ): Promise<void>;
}

interface Line extends ImageFigures {
  readonly key: string;
  readonly ranking: Ranking;
  readonly image: string;
}

const FILE = 'faithfulness.jsonl';

/** The journal of a run. */
export async function openJournal(
  run: RunFolder,
  weights: Weights,
  how: { readonly asked: Asked; readonly options: ExplainOptions },
): Promise<FaithfulnessJournal> {
  const config = await run.config();
  const network = createHash('sha256')
    .update(await readFile(run.file(TRAINING[weights])))
    .update(JSON.stringify({ system: config.system, trained: config.options, ...how }))
    .digest('hex');
  const lines = await readJsonLines<Line>(run.file(FILE));
  const known = new Map(lines.map((line) => [JSON.stringify([line.key, line.ranking, line.image]), line]));
  return {
    network,
    find(key, ranking, images) {
      const found = images.flatMap(({ name }) => known.get(JSON.stringify([key, ranking, name])) ?? []);
      return found.length === images.length ? found : undefined;
    },
    // In one write: what is torn by a kill is measured again.
    append: (key, ranking, images, figures) =>
      appendJsonLines(
        run.file(FILE),
        images.map(({ name }, i): Line => ({ key, ranking, image: name, ...figures[i] })),
      ),
  };
}

export function noJournal(): FaithfulnessJournal {
  return { network: '', find: () => undefined, append: async () => {} };
}

/** Of all that the figures of some images depend on, the order apart. */
export function keyOf(
  { network }: FaithfulnessJournal,
  images: readonly ShownImage[],
  masks: readonly Uint8Array[] | undefined,
  { fill, parts, seed }: Pick<FaithfulnessOptions, 'fill' | 'parts' | 'seed'>,
): string {
  const hash = createHash('sha256').update(JSON.stringify({ network, fill, parts, seed }));
  for (const [i, { name, truth, pixels }] of images.entries()) {
    hash.update(JSON.stringify([name, truth])).update(pixels);
    if (masks) hash.update(masks[i]);
  }
  return hash.digest('hex').slice(0, 16);
}
