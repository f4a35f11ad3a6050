/** What a step of a plan costs: for people to read, and later for the choice of kernels. */
import { elements } from '../graph/value.ts';
import { storageBytes } from './layout.ts';
import type { Plan, Step } from './plan.ts';

export interface StepCost {
  /** Multiply–accumulates if nothing were skipped; event-driven kernels do fewer. */
  readonly macs: number;
  /** Bytes read and written at least. */
  readonly bytes: number;
}

export function stepCost({ nodes, inputs, outputs }: Step): StepCost {
  const macs = nodes.reduce((sum, node) => sum + (node.op.macs?.(node) ?? 0), 0);
  const bytes = [...inputs, ...outputs].reduce((sum, value) => sum + storageBytes(value), 0);
  return { macs, bytes };
}

/** Bytes that a plan needs by itself; kernels may add private scratch. */
export function planBytes(plan: Plan): { variables: number; arena: number; io: number } {
  const variables = plan.variables.reduce(
    (sum, { shape }) => sum + 4 * elements({ shape, time: null, dtype: 'f32', format: 'flat' }),
    0,
  );
  return { variables, arena: plan.arenaBytes, io: plan.ioBytes };
}
