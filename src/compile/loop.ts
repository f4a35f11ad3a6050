/**
 * Which part of a graph runs micro-batch by micro-batch: all that is computed from a `microBatch`, up to and with
 * the `joinMicro` and `sumMicro` that bring the results together. What comes before does not depend on the
 * micro-batch, what comes after reads the whole.
 */
import { mismatch } from '../errors.ts';
import type { Node, Value } from '../graph/value.ts';
import { elements } from '../graph/value.ts';
import type { MicroBatchAttrs } from '../ops/micro-batch.ts';
import type { ReduceAttrs } from '../ops/reduce.ts';
import type { OpName } from '../ops/table.ts';

export interface Parts {
  readonly before: readonly Node[];
  readonly inside: readonly Node[];
  readonly after: readonly Node[];
  /** Micro-batches in a batch; 0 without a loop. */
  readonly count: number;
}

const is = (node: Node, name: OpName) => node.op.name === name;

/** Whether the results of a node of the loop belong to the whole batch. */
export function leavesLoop(node: Node): boolean {
  return is(node, 'sumMicro') || is(node, 'joinMicro');
}

/** Nodes in three parts, each in an order in which it can be executed. */
export function splitAtLoop(nodes: readonly Node[]): Parts {
  const ofMicroBatch = new Set<Value>();
  const ofWhole = new Set<Value>();
  const parts: Record<'before' | 'inside' | 'after', Node[]> = { before: [], inside: [], after: [] };
  let count = 0;
  for (const node of nodes) {
    const reads = (values: ReadonlySet<Value>) => node.inputs.some((input) => input && values.has(input));
    if (is(node, 'microBatch') || reads(ofMicroBatch)) {
      if (reads(ofWhole))
        throw mismatch('compile()', 'micro-batches that read no sum over micro-batches', node.op.name);
      if (is(node, 'microBatch') || leavesLoop(node))
        count = sameCount(count, (node.attrs as MicroBatchAttrs).count);
      parts.inside.push(node);
      for (const output of node.outputs) (leavesLoop(node) ? ofWhole : ofMicroBatch).add(output);
    } else if (reads(ofWhole)) {
      parts.after.push(node);
      for (const output of node.outputs) ofWhole.add(output);
    } else parts.before.push(node);
  }
  return { ...parts, inside: leavingEarly(parts.inside), count };
}

/** Sums and joins right behind what they read, so that this need not be kept. */
function leavingEarly(inside: readonly Node[]): Node[] {
  const readers = new Map<Value | null, Node[]>();
  for (const node of inside.filter(leavesLoop)) {
    const list = readers.get(node.inputs[0]) ?? [];
    readers.set(node.inputs[0], [...list, node]);
  }
  return inside
    .filter((node) => !leavesLoop(node))
    .flatMap((node) => [node, ...node.outputs.flatMap((output) => readers.get(output) ?? [])]);
}

function sameCount(known: number, count: number): number {
  if (known !== 0 && known !== count)
    throw mismatch('compile()', `one number of micro-batches, ${known}`, count);
  return count;
}

const SLOT_BUDGET = 8 * 2 ** 20;

/** Parts that sums over micro-batches are made in: enough for many threads, fewer where they are large. */
export function slotCount(inside: readonly Node[], count: number): number {
  const summed = inside.filter((node) => is(node, 'sumMicro')).flatMap((node) => node.outputs);
  const bytes = summed.reduce((sum, value) => sum + elements(value) * Float32Array.BYTES_PER_ELEMENT, 0);
  return Math.min(count, 16 * bytes <= SLOT_BUDGET ? 16 : 8);
}

/**
 * Whether every row that the nodes compute from the graph's inputs depends on the same row of these alone, so that
 * a batch may be cut.
 * @param batch rows of the inputs
 */
export function rowsAreIndependent(nodes: readonly Node[], batch: number): boolean {
  /** Rows of a value that an image has, one behind the other: more than one where channels were made rows. */
  const each = new Map<Value, number>();
  const rowsOf = (value: Value | null) =>
    value === null ? undefined : value.source.kind === 'input' ? 1 : each.get(value);
  const whole = new Set<Value | null>();
  for (const node of nodes) {
    if (node.inputs.some((input) => whole.has(input))) return false;
    const [rows, ...others] = new Set(node.inputs.map(rowsOf).filter((known) => known !== undefined));
    if (rows === undefined) continue;
    if (node.op.couplesRows?.(node.attrs) || (node.op.mutates?.(node.attrs).length ?? 0) > 0) return false;
    const made = is(node, 'reshape') ? node.outputs[0].shape[0] / batch : rows;
    if (others.length > 0 || node.outputs[0].shape[0] !== made * batch || made % 1 !== 0) return false;
    if (rowsAreElsewhere(node, (value) => rowsOf(value) !== undefined)) return false;
    // The statistics that BatchNorm used have no rows, and may be there as long as nobody reads them.
    for (const output of node.outputs)
      if (output.shape[0] === made * batch) each.set(output, made);
      else whole.add(output);
  }
  return true;
}

const REDUCTIONS: readonly OpName[] = ['reduceSum', 'reduceMean', 'reduceMax'];
const STRETCHING: readonly OpName[] = ['add', 'mul', 'broadcastTo'];

/** Whether the first axis of the result is another one, although it may be as long as the batch by chance. */
function rowsAreElsewhere(node: Node, hasRows: (value: Value | null) => boolean): boolean {
  if (REDUCTIONS.some((name) => is(node, name))) return (node.attrs as ReduceAttrs).axes.includes(0);
  const rank = node.outputs[0].shape.length;
  const stretches = STRETCHING.some((name) => is(node, name));
  return stretches && node.inputs.some((input) => hasRows(input) && (input?.shape.length ?? rank) < rank);
}
