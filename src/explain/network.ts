/**
 * A trained network that images are shown to, one by one or many at once, while something inside is looked at.
 *
 * What is seen of an image does not depend on those beside it: where rows of a batch see each other (adaptive neurons,
 * drawn encodings), images are shown one at a time, and each is the first of its pass.
 */
import type { Plan } from '../compile/plan.ts';
import type { Feed, Program, Session } from '../engine/engine.ts';
import { size } from '../graph/value.ts';
import type { RunConfig } from '../train/config.ts';
import { type Observer, observationStep } from '../train/observation.ts';
import { loadPlan, specOf, type Weights } from '../train/open-run.ts';
import { beginPass } from '../train/pass.ts';
import type { RunFolder } from '../train/run-folder.ts';
import { imagesMeet, type NetworkSpec } from '../train/step.ts';

export interface Network {
  readonly spec: NetworkSpec;
  readonly session: Session;
  /** A program with the weights. */
  load(plan: Plan): Promise<Program>;
}

/** The network of a finished run. */
export function networkOf(run: RunFolder, config: RunConfig, session: Session, weights: Weights): Network {
  return {
    spec: specOf(config),
    session,
    load: (plan) => loadPlan(run, config, session, weights, plan),
  };
}

/** Outputs of one batch: `rows` of them belong to images. */
export interface Seen {
  /** Images before this batch. */
  readonly from: number;
  readonly rows: number;
  /** Rows that outputs have; those beyond `rows` are of images that are not there. */
  readonly batch: number;
  read(output: string): ArrayLike<number>;
}

export interface Window {
  /** Images that are shown at once. */
  readonly batch: number;
  /**
   * Shows images [n, C, H, W], any n, and each batch with what was seen to `see`.
   * @param feeds of inputs that the observer added, a row for each image
   */
  show(images: Float32Array, feeds: Readonly<Record<string, Feed>>, see: (seen: Seen) => void): Promise<void>;
}

/** @param most images at once, where they do not see each other */
export async function lookInto(network: Network, observer: Observer, most: number): Promise<Window> {
  const { spec, session } = network;
  const batch = imagesMeet(spec) ? 1 : most;
  const program = await network.load(observationStep(spec, batch, observer).plan);
  const { inputs, variables } = program.plan;
  const values = spec.channels * spec.height * spec.width;
  const rng = Int32Array.of(spec.seed, 0);

  async function show(
    images: Float32Array,
    feeds: Readonly<Record<string, Feed>>,
    see: (seen: Seen) => void,
  ): Promise<void> {
    const count = images.length / values;
    for (let from = 0; from < count; from += batch) {
      const rows = Math.min(batch, count - from);
      const fed: Record<string, Feed> = {};
      for (const [name, type] of inputs) {
        if (name === 'rng') fed.rng = rng;
        else
          fed[name] = filled(name === 'images' ? images : feeds[name], from, rows, size(type.shape), batch);
      }
      beginPass(session, variables);
      await program.run(fed);
      see({ from, rows, batch, read: (output) => program.read(output) });
    }
  }
  return { batch, show };
}

/** Rows of a feed, filled up with zeros. */
function filled(feed: Feed, from: number, rows: number, length: number, batch: number): Feed {
  const row = length / batch;
  const out = feed instanceof Int32Array ? new Int32Array(length) : new Float32Array(length);
  out.set(feed.subarray(from * row, (from + rows) * row));
  return out;
}
