/** What a step of a plan costs: for people to read, and later for the choice of kernels. */
import { elements } from '../graph/value.ts';
import type { OpName } from '../ops/table.ts';
import { storageBytes } from './layout.ts';
import type { Plan, Step } from './plan.ts';

export interface StepCost {
  /** Multiply–accumulates if nothing were skipped; event-driven kernels do fewer. */
  readonly macs: number;
  /** Bytes read and written at least. */
  readonly bytes: number;
}

/** Rows of a larger value lie in it: to cut or to join them moves nothing. */
const VIEWS: ReadonlySet<string> = new Set<OpName>(['microBatch', 'joinMicro']);

export function stepCost({ root, nodes, inputs, outputs }: Step): StepCost {
  const macs = nodes.reduce((sum, node) => sum + (node.op.macs?.(node) ?? 0), 0);
  if (VIEWS.has(root.op.name)) return { macs, bytes: 0 };
  const bytes = [...inputs, ...outputs].reduce((sum, value) => sum + storageBytes(value), 0);
  return { macs, bytes };
}

/** How often step `i` of a plan runs: in the loop, once for each micro-batch. */
export function runsOf({ loop }: Plan, i: number): number {
  return loop && i >= loop.first && i < loop.end ? loop.count : 1;
}

/** Bytes that a plan needs by itself on so many threads; kernels may add private scratch. */
export function planBytes(
  plan: Plan,
  threads: number,
): { variables: number; arena: number; micro: number; io: number } {
  const variables = plan.variables.reduce(
    (sum, { shape }) => sum + 4 * elements({ shape, time: null, dtype: 'f32', format: 'flat' }),
    0,
  );
  const micro = plan.microBytes * Math.min(threads, plan.loop?.count ?? 0);
  return { variables, arena: plan.arenaBytes, micro, io: plan.ioBytes };
}
