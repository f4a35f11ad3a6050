/** What the network of a pre-training makes of test images: one of each class for the report, and the error over all. */
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { z } from 'zod';
import { type Dataset, readImage } from '../data/dataset.ts';
import { rawShape } from '../data/image.ts';
import type { Session } from '../engine/engine.ts';
import { makeFolder, writeAside } from '../files.ts';
import { pictureGrid } from '../report/picture-grid.ts';
import type { ReconstructionPicture } from '../report/types.ts';
import type { RunConfig } from '../train/config.ts';
import { evaluateReconstruction, evaluationBatch } from '../train/evaluate.ts';
import { loadPretrained, specOf } from '../train/open-run.ts';
import { reconstructionStep } from '../train/reconstruction-step.ts';
import type { RunFolder } from '../train/run-folder.ts';

/** Images in the picture. */
const MOST = 10;
/** Sides of the images in it are about as large. */
const SIDE = 96;
const PICTURE = 'figures/reconstructions.png';

/**
 * Writes `figures/reconstructions.png`. The session holds the weights of the pre-training afterwards, in place of those
 * that the network took over.
 * @returns nothing where the run has no pre-training
 */
export async function drawReconstructions(
  run: RunFolder,
  config: RunConfig,
  session: Session,
  dataset: Dataset,
): Promise<ReconstructionPicture | undefined> {
  if (!config.settings.pretraining) return undefined;
  const { labels } = dataset.splits.test;
  const chosen = dataset.classes.flatMap((_, k) => (labels.includes(k) ? [labels.indexOf(k)] : []));
  const shown = chosen.slice(0, MOST);
  const program = await loadPretrained(run, config, session, evaluationBatch(labels.length));
  const remainder = (images: number) => session.load(reconstructionStep(specOf(config), images).plan);
  const options = { session, program, remainder, dataset, split: 'test', seed: config.seed } as const;
  const made = new Map<number, Uint8Array>();
  const { loss: mse, mae } = await evaluateReconstruction(options, ({ batch, done }) => {
    const inBatch = shown.filter((i) => i >= done && i < done + batch.size);
    if (inBatch.length === 0) return;
    const planes = program.read('reconstruction');
    for (const i of inBatch) made.set(i, toPixels(planes, i - done, dataset));
  });
  const originals = await Promise.all(
    shown.map(async (i) => (await readImage(dataset.splits.test, dataset, i)).data),
  );
  const again = shown.flatMap((i) => made.get(i) ?? []);
  const scale = Math.max(1, Math.round(SIDE / dataset.height));
  const { pixels, ...shape } = pictureGrid([originals, again], dataset, scale);
  const png = await sharp(pixels, { raw: rawShape(shape) })
    .png()
    .toBuffer();
  await makeFolder(run.file('figures'));
  await writeAside(run.file(PICTURE), png);
  const classes = shown.map((i) => dataset.classes[labels[i]]);
  return { png: `data:image/png;base64,${png.toString('base64')}`, classes, mse, mae };
}

/** All but the picture, which is a file of its own. */
export function numbersOf({ classes, mse, mae }: ReconstructionPicture) {
  return { classes, mse, mae };
}

const keptSchema = z.object({
  reconstructions: z.object({ classes: z.array(z.string()), mse: z.number(), mae: z.number() }).optional(),
});

/** What an evaluation drew and left in the folder; nothing where there was no pre-training. */
export async function readReconstructions(run: RunFolder): Promise<ReconstructionPicture | undefined> {
  const [evaluation, png] = await Promise.all(
    ['evaluation.json', PICTURE].map((name) => readFile(run.file(name)).catch(() => undefined)),
  );
  if (!evaluation || !png) return undefined;
  const { reconstructions } = keptSchema.parse(JSON.parse(evaluation.toString('utf8')));
  return reconstructions && { png: `data:image/png;base64,${png.toString('base64')}`, ...reconstructions };
}

/** One image of a batch, [N, C, H, W] in [0, 1], as bytes with channels last; what lies beyond is cut off. */
function toPixels(
  planes: ArrayLike<number>,
  index: number,
  { channels, height, width }: Dataset,
): Uint8Array {
  const area = height * width;
  return Uint8Array.from({ length: area * channels }, (_, i) => {
    const plane = planes[(index * channels + (i % channels)) * area + Math.floor(i / channels)];
    return Math.round(255 * Math.min(1, Math.max(0, plane)));
  });
}
