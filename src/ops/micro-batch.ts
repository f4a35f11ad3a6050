/**
 * Gradient accumulation inside a step. A batch of N rows is cut into `count` micro-batches of N/count rows; all
 * that is computed from `microBatch` runs once for each of them, and `joinMicro` and `sumMicro` bring the
 * results together. What lies between, however large, exists for one micro-batch at a time and a thread, so it
 * can stay in a processor's cache.
 *
 * Only values without time can be cut and joined: time lies outside the batch, so the rows of a micro-batch
 * would not lie next to each other.
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef } from '../graph/op.ts';
import type { TensorType, Value } from '../graph/value.ts';
import { describe } from '../graph/value.ts';
import { expectInput } from './shapes.ts';

export interface MicroBatchAttrs {
  /** Micro-batches in a batch. */
  readonly count: number;
}

function expectRows(op: string, x: TensorType): void {
  if (x.time !== null || x.shape.length === 0)
    throw mismatch(`${op}()`, 'a value with a batch axis and without time', describe(x));
}

/** x [N, …] → rows [N/count, …] of the micro-batch at hand. */
export const microBatchOp: OpDef<MicroBatchAttrs> = {
  name: 'microBatch',
  infer(inputs, { count }) {
    const x = expectInput('microBatch', inputs, 0, 'x', { dtypes: ['f32', 'i32'] });
    expectRows('microBatch', x);
    if (!Number.isInteger(count) || count < 1 || x.shape[0] % count !== 0)
      throw mismatch('microBatch()', `a number of micro-batches that divides ${x.shape[0]}`, count);
    return [{ ...x, shape: [x.shape[0] / count, ...x.shape.slice(1)] }];
  },
  reference({ inputs: [x], outputs: [y], micro }) {
    if (!x || !y) return;
    const n = y.data.length;
    y.data.set(x.data.subarray(micro * n, (micro + 1) * n));
  },
};

/** x [n, …] of a micro-batch → [n·count, …], all of them. */
export const joinMicroOp: OpDef<MicroBatchAttrs> = {
  name: 'joinMicro',
  infer(inputs, { count }) {
    const x = expectInput('joinMicro', inputs, 0, 'x', { dtypes: ['f32', 'i32'] });
    expectRows('joinMicro', x);
    return [{ ...x, shape: [x.shape[0] * count, ...x.shape.slice(1)] }];
  },
  reference({ inputs: [x], outputs: [y], micro }) {
    if (x && y) y.data.set(x.data, micro * x.data.length);
  },
};

/** x of a micro-batch → the sum over all of them. */
export const sumMicroOp: OpDef<MicroBatchAttrs> = {
  name: 'sumMicro',
  infer(inputs) {
    const x = expectInput('sumMicro', inputs, 0, 'x', { dtypes: ['f32'] });
    if (x.time !== null) throw mismatch('sumMicro()', 'a value without time', describe(x));
    return [{ ...x }];
  },
  reference({ inputs: [x], outputs: [y], micro }) {
    if (!x || !y) return;
    for (let i = 0; i < x.data.length; i++) y.data[i] = (micro === 0 ? 0 : y.data[i]) + x.data[i];
  },
};

/** The rows of each micro-batch, one after the other. */
export function microBatch(x: Value, count: number): Value {
  return apply(microBatchOp, [x], { count })[0];
}

export function joinMicro(x: Value, count: number): Value {
  return apply(joinMicroOp, [x], { count })[0];
}

export function sumMicro(x: Value, count: number): Value {
  return apply(sumMicroOp, [x], { count })[0];
}
