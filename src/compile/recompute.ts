/**
 * What is cheap to compute and large to keep is not kept for the backward pass, but computed again where that reads
 * it: its step stands in the plan twice. (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016, §4.)
 * Bits stay the same: it is the same kernel on the same values.
 */
import { elements, type Value } from '../graph/value.ts';
import type { OpName } from '../ops/table.ts';
import { stepCost } from './cost.ts';
import { storageBytes } from './layout.ts';
import { lifetimes } from './lives.ts';
import { placeInArena } from './place.ts';
import type { Step } from './plan.ts';

/** Less is not worth a step. */
const LARGE_BYTES = 1 << 20;
/** So many MACs take about as long as writing their sum to memory: a first convolution of 3×3 on 3 channels has 27. */
const CHEAP_MACS = 32;
const CHEAP_OPS: ReadonlySet<string> = new Set<OpName>([
  'conv2d',
  'relu',
  'elu',
  'sigmoid',
  'affine',
  'add',
  'cast',
  'mul',
]);

export interface RecomputeContext {
  readonly guards: readonly Value[];
  /** The caller reads these; they have memory of their own. */
  readonly outputs: ReadonlySet<Value>;
  /** Steps from here on change variables. */
  readonly updatesFrom: number;
}

/** The steps, some of them twice, such that the arena is smaller. For plans without a loop over micro-batches. */
export function recompute(steps: readonly Step[], context: RecomputeContext): readonly Step[] {
  const candidates = steps.filter((step) => isCheap(step, context)).sort((a, b) => bytesOf(b) - bytesOf(a));
  let best = steps;
  let bytes = arenaBytes(best, context);
  for (const step of candidates) {
    const longer = repeat(best, step, {
      ...context,
      updatesFrom: context.updatesFrom + best.length - steps.length,
    });
    if (!longer) continue;
    const smaller = arenaBytes(longer, context);
    if (bytes - smaller < bytesOf(step) / 2) continue;
    best = longer;
    bytes = smaller;
  }
  return best;
}

const bytesOf = ({ outputs }: Step) => storageBytes(outputs[0]);

function isCheap(step: Step, { outputs }: RecomputeContext): boolean {
  const [output, ...others] = step.outputs;
  if (!output || others.length > 0 || outputs.has(output) || storageBytes(output) < LARGE_BYTES) return false;
  return (
    step.nodes.every(({ op }) => CHEAP_OPS.has(op.name)) &&
    stepCost(step).macs <= CHEAP_MACS * elements(output)
  );
}

function arenaBytes(steps: readonly Step[], { guards, outputs }: RecomputeContext): number {
  return placeInArena(lifetimes(steps, guards, null).whole.filter(({ key }) => !outputs.has(key))).bytes;
}

/** `steps` with `step` once more, at the end of the longest time in which nobody reads its result; null if it cannot run there. */
function repeat(steps: readonly Step[], step: Step, context: RecomputeContext): readonly Step[] | null {
  const [output] = step.outputs;
  const touched = steps.flatMap(({ inputs, outputs }, i) =>
    inputs.includes(output) || outputs.includes(output) ? [i] : [],
  );
  const gaps = touched.slice(1).map((at, i) => ({ at, length: at - touched[i] }));
  const longest = gaps.reduce((a, b) => (b.length > a.length ? b : a), { at: 0, length: 1 });
  if (longest.length < 2 || longest.at >= context.updatesFrom) return null;
  const { whole } = lifetimes(steps, context.guards, null);
  const lives = new Map(whole.map((interval) => [interval.key, interval.lives]));
  const readable = (value: Value) =>
    lives.get(value)?.some(({ from, to }) => from < longest.at && to >= longest.at) ?? true;
  return step.inputs.every(readable) ? steps.toSpliced(longest.at, 0, step) : null;
}
