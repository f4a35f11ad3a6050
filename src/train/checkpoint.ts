/**
 * Checkpoints: all variables of a session and the counters of the run. Because every random number is keyed
 * by seed and counters, this is all that an exact resume needs.
 */
import { z } from 'zod';
import type { Session } from '../engine/engine.ts';
import { mismatch, SomaError } from '../errors.ts';
import type { Variable } from '../graph/value.ts';
import { NO_PROGRESS } from './early-stopping.ts';
import { type NamedTensor, readSafetensors, writeSafetensors } from './safetensors.ts';

/** Sums over the images of the epoch so far. */
const sumsSchema = z.object({
  images: z.number(),
  loss: z.number(),
  /** Images that were classified rightly. */
  correct: z.number(),
  /** Mean absolute errors of images that were made again. */
  absolute: z.number().default(0),
  seconds: z.number(),
  dataSeconds: z.number().default(0),
  rates: z.record(z.string(), z.number()),
});

const cursorSchema = z.object({
  /** Epochs that are complete. */
  epoch: z.int(),
  /** Batches of the current epoch that are done. */
  batch: z.int(),
  /** Steps since the start of the run. */
  step: z.int(),
  sums: sumsSchema,
  progress: z.object({ bestEpoch: z.int(), bestValue: z.number().nullable(), waited: z.int() }),
});

/** Where a run stands. */
export type Cursor = z.output<typeof cursorSchema>;
export type EpochSums = Cursor['sums'];

export function noSums(): EpochSums {
  return { images: 0, loss: 0, correct: 0, absolute: 0, seconds: 0, dataSeconds: 0, rates: {} };
}

export function startCursor(): Cursor {
  return { epoch: 0, batch: 0, step: 0, sums: noSums(), progress: NO_PROGRESS };
}

export interface CheckpointTarget {
  readonly session: Session;
  /** Variables to save or restore. */
  readonly variables: readonly Variable[];
  readonly system: string;
}

/** Seconds between checkpoints within an epoch, and the most of that time that writing them takes on slow disks. */
const BETWEEN = 30;
const WRITING_SHARE = 1 / 20;

/**
 * Whether the next checkpoint within an epoch is due.
 * @param since seconds since the last one was written
 * @param writing seconds that writing it took
 * @param every seconds between them that were asked for
 */
export function isCheckpointDue(since: number, writing: number, every?: number): boolean {
  return since > (every ?? Math.max(BETWEEN, writing / WRITING_SHARE));
}

/** Throws a SomaError, and leaves the file that is there as it is, where a number is not finite. */
export async function saveCheckpoint(path: string, target: CheckpointTarget, cursor: Cursor): Promise<void> {
  const { session, variables, system } = target;
  const tensors = new Map<string, NamedTensor>(
    variables.map(({ name, shape }) => [name, { shape, data: session.readVariable(name) }]),
  );
  for (const [name, { data }] of tensors)
    expectFinite(path, name, data, `lower --lr; the checkpoint before step ${cursor.step} is kept`);
  await writeSafetensors(path, {
    tensors,
    metadata: { format: 'pt', system, cursor: JSON.stringify(cursor) },
  });
}

/**
 * Restores variables and returns the cursor. Throws a SomaError where the file is broken, is of another
 * system or shape, or holds numbers that are not finite; the session is then untouched.
 */
export async function loadCheckpoint(path: string, target: CheckpointTarget): Promise<Cursor> {
  const { tensors, metadata } = await readSafetensors(path);
  if (metadata.system !== target.system)
    throw mismatch(
      path,
      `weights of ${target.system}`,
      metadata.system ?? 'an unnamed system',
      'use its own run',
    );
  // Constants are what the options say, also those of an evaluation with others.
  const variables = target.variables.filter(({ fixed }) => !fixed);
  for (const { name, shape } of variables) {
    const tensor = tensors.get(name);
    if (!tensor || tensor.shape.join() !== shape.join())
      throw mismatch(
        path,
        `${name} [${shape.join('×')}]`,
        tensor ? `[${tensor.shape.join('×')}]` : 'no such tensor',
        'check that size, classes and options are those of the run',
      );
    expectFinite(path, name, tensor.data, 'take an earlier checkpoint');
  }
  const cursor = cursorSchema.safeParse(parseJson(metadata.cursor));
  if (!cursor.success)
    throw new SomaError(`${path}: expected a checkpoint made by soma train, got one without a cursor`);
  for (const { name } of variables) {
    const tensor = tensors.get(name);
    if (tensor) target.session.writeVariable(name, tensor.data);
  }
  return cursor.data;
}

function expectFinite(path: string, name: string, data: Float32Array, advice: string): void {
  const bad = data.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0) throw mismatch(path, 'finite weights', `${data[bad]} in ${name}[${bad}]`, advice);
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
