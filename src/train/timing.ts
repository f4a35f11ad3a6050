/**
 * What the time of a prediction is measured on. Event-driven kernels get slower as neurons fire more, so images are real
 * and of all classes: drawn from the whole split, where folders come class by class, and shown in turn.
 */
import type { ImageSource } from '../data/dataset.ts';
import type { ImageShape } from '../data/image.ts';
import { loadBatches } from '../data/loader.ts';
import type { Program, Session } from '../engine/engine.ts';
import { type Latency, measureLatency } from '../measure/latency.ts';
import { beginPass } from './pass.ts';

/** Runs that a median and a 95th percentile are made of, at least, and those before the first that counts. */
const LEAST_RUNS = 50;
const WARM_UP = 10;
/** Different images that single predictions take in turn. */
export const TIMED = 64;

/** Planes of at most `most` images [C, H, W] in [0, 1], drawn by a fixed seed. */
export async function imagesToTime(
  shape: ImageShape,
  source: ImageSource,
  most: number,
): Promise<Float32Array[]> {
  const images: Float32Array[] = [];
  for await (const batch of loadBatches(source, shape, { batchSize: 1, shuffle: true })) {
    images.push(batch.images.slice());
    if (images.length === most) break;
  }
  return images;
}

/** Times predictions of `batches` [n, C, H, W], n as the program has it, in turn, for so long or for `LEAST_RUNS`. */
export function timePredictions(
  session: Session,
  program: Program,
  batches: readonly Float32Array[],
  seconds: number,
): Promise<Latency> {
  const { inputs, variables } = program.plan;
  beginPass(session, variables);
  const rng = Int32Array.of(0, 0);
  // As soma predict does: one image is not worth a thread.
  const here = inputs.get('images')?.shape[0] === 1;
  let next = 0;
  const predict = () => program.run({ images: batches[next++ % batches.length], rng }, { here });
  return measureLatency(predict, { seconds, warmUp: WARM_UP, least: LEAST_RUNS });
}
