/** Showing the images of a split to a network, batch by batch. */
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
  /** The same for the images of a last batch that is not full. */
  readonly remainder: (images: number) => Program;
  readonly dataset: Dataset;
  readonly split: Split;
  readonly seed: number;
  readonly cache?: PixelCache;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What a program made of a batch. */
export interface Visit {
  readonly batch: Batch;
  /** That ran: `read` its outputs. */
  readonly program: Program;
  /** Images before this batch. */
  readonly done: number;
  /** Layer and op of the first number that is not finite. */
  nonFinite(): Promise<string>;
}

/**
 * Runs a program over a split. A last batch that is not full has a program of its own and is never filled up: a network may
 * let the images of a batch see each other, and what is summed over a batch is of its images alone.
 */
export async function forEachBatch(options: VisitOptions, visit: (v: Visit) => Promise<void>): Promise<void> {
  const { dataset, split, seed } = options;
  const source = dataset.splits[split];
  const batchSize = options.program.plan.inputs.get('images')?.shape[0] ?? 1;
  beginPass(options.session, options.program.plan.variables);
  let done = 0;
  for await (const batch of loadBatches(source, dataset, { batchSize, cache: options.cache })) {
    const program = batch.size < batchSize ? options.remainder(batch.size) : options.program;
    const feeds = { images: batch.images, labels: batch.labels, rng: Int32Array.of(seed, done) };
    await program.run(feeds);
    await visit({ batch, program, done, nonFinite: () => findNonFinite(program, feeds) });
    done += batch.size;
    options.onProgress?.(done, source.length);
  }
}
