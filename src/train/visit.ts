/** Showing the images of a split to a network, batch by batch. */
import type { Plan } from '../compile/plan.ts';
import type { PixelCache } from '../data/cache.ts';
import type { Dataset, Split } from '../data/dataset.ts';
import { type Batch, loadBatches } from '../data/loader.ts';
import type { Program, Session } from '../engine/engine.ts';
import { findNonFinite } from './non-finite.ts';
import { beginPass } from './pass.ts';

export interface VisitOptions {
  readonly session: Session;
  /** Takes `images`, and whatever else of `labels` and `rng` it has inputs for. */
  readonly program: Program;
  /** One for the images of a last batch that is not full: needed where images of a batch see each other. */
  readonly remainder?: (images: number) => Program;
  /** The last batch is never filled up, so that what is summed over a batch is of its images alone. */
  readonly unfilled?: boolean;
  readonly dataset: Dataset;
  readonly split: Split;
  readonly seed: number;
  readonly cache?: PixelCache;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What a program made of a batch. */
export interface Visit {
  readonly batch: Batch;
  /** That ran: `read` its outputs; rows beyond the batch are of images that are not there. */
  readonly program: Program;
  /** Images before this batch. */
  readonly done: number;
  /** Whether the batch is as large as those before it. */
  readonly full: boolean;
  /** Layer and op of the first number that is not finite. */
  nonFinite(): Promise<string>;
}

/** Whether what a plan makes of an image may depend on others in its batch, or on its place there. */
export function imagesMeet({ steps }: Plan): boolean {
  return steps.some(({ nodes }) => nodes.some(({ op, attrs }) => op.couplesRows?.(attrs)));
}

/**
 * Runs a program over a split. The last batch is filled up with zeros, whose results are to be thrown away; where images
 * of a batch see each other, or where that is asked for, it has a program of its own.
 */
export async function forEachBatch(options: VisitOptions, visit: (v: Visit) => Promise<void>): Promise<void> {
  const { dataset, split, seed } = options;
  const source = dataset.splits[split];
  const batchSize = options.program.plan.inputs.get('images')?.shape[0] ?? 1;
  const apart = options.unfilled || imagesMeet(options.program.plan);
  beginPass(options.session, options.program.plan.variables);
  const images = new Float32Array(batchSize * dataset.channels * dataset.height * dataset.width);
  const labels = new Int32Array(batchSize);
  let done = 0;
  for await (const batch of loadBatches(source, dataset, { batchSize, cache: options.cache })) {
    const rng = Int32Array.of(seed, done);
    const own = apart && batch.size < batchSize ? options.remainder?.(batch.size) : undefined;
    const program = own ?? options.program;
    if (!own) {
      images.fill(0).set(batch.images);
      labels.fill(0).set(batch.labels);
    }
    const feeds = own ? { images: batch.images, labels: batch.labels, rng } : { images, labels, rng };
    await program.run(feeds);
    const full = batch.size === batchSize;
    await visit({ batch, program, done, full, nonFinite: () => findNonFinite(program, feeds) });
    done += batch.size;
    options.onProgress?.(done, source.length);
  }
}
