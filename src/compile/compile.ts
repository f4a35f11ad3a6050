/**
 * Graph to plan: what nobody reads is left out, nodes are fused into steps, and every value gets its place.
 */
import { mismatch } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { describe, type Node, type Value, type Variable } from '../graph/value.ts';
import { type ConvAlgorithm, chooseConv } from './choose.ts';
import { fuse } from './fuse.ts';
import { align, storageBytes } from './layout.ts';
import { lifetimes } from './lives.ts';
import { slotCount, splitAtLoop } from './loop.ts';
import { type Interval, placeInArena } from './place.ts';
import type { Loop, Placement, Plan, Step } from './plan.ts';
import { recompute } from './recompute.ts';

export interface CompileOptions {
  /** Shown by `soma plan`. */
  readonly name?: string;
  /** Off: one step a node; for tests. */
  readonly fuse?: boolean;
  /** Off: every value is kept from its first to its last use; for tests. */
  readonly recompute?: boolean;
  /** Convolutions take this algorithm wherever it can be used, whatever it costs; for tests. */
  readonly prefer?: ConvAlgorithm;
  /** Values that must be finite before anything is updated: loss and gradients. */
  readonly guards?: readonly Value[];
  /** The first node that updates parameters; it and what follows run only behind the guards. */
  readonly firstUpdate?: Node;
}

export function compile(graph: Graph, options: CompileOptions = {}): Plan {
  const { name = 'plan', guards = [], firstUpdate } = options;
  const read = new Set([...graph.outputs.values(), ...guards]);
  const { before, inside, after, count } = splitAtLoop(liveNodes(graph.nodes, read));
  const nodes = [...before, ...inside, ...after];
  const once = liveSteps(group(nodes, read, options.fuse ?? true), read).map((step) => {
    const conv = chooseConv(step, options.prefer);
    return conv ? { ...step, conv } : step;
  });
  const updating = (steps: readonly Step[]) =>
    firstUpdate ? steps.findIndex((step) => step.root === firstUpdate) : steps.length;
  const loop = count === 0 ? null : findLoop(once, new Set(inside), count);
  const outputs = new Set(graph.outputs.values());
  const steps =
    loop || options.recompute === false
      ? once
      : recompute(once, { guards, outputs, updatesFrom: updating(once) });
  const updatesFrom = updating(steps);
  return { name, steps, loop, updatesFrom, guards, ...place(graph, steps, guards, loop) };
}

function findLoop(steps: readonly Step[], inside: ReadonlySet<Node>, count: number): Loop {
  const isInside = (step: Step) => inside.has(step.root);
  const first = steps.findIndex(isInside);
  const end = steps.findLastIndex(isInside) + 1;
  return { first, end, count, slots: slotCount([...inside], count) };
}

function mutates(node: Node): boolean {
  return (node.op.mutates?.(node.attrs).length ?? 0) > 0;
}

/** Nodes whose results are read, or which update a variable. */
function liveNodes(nodes: readonly Node[], read: ReadonlySet<Value>): Node[] {
  const needed = new Set(read);
  const live: Node[] = [];
  for (const node of [...nodes].reverse()) {
    if (!mutates(node) && !node.outputs.some((output) => needed.has(output))) continue;
    for (const input of node.inputs) if (input) needed.add(input);
    live.push(node);
  }
  return live.reverse();
}

interface Group {
  readonly root: Node;
  readonly nodes: readonly Node[];
}

/** Nodes grouped into candidate steps; a producer that was taken in still has its own, maybe dead, step. */
function group(nodes: readonly Node[], read: ReadonlySet<Value>, fusing: boolean): Group[] {
  const consumers = new Map<Value, Node[]>();
  for (const node of nodes)
    for (const input of node.inputs) {
      if (!input) continue;
      const list = consumers.get(input) ?? [];
      consumers.set(input, [...list, node]);
    }
  const readers = (value: Value) => (read.has(value) ? null : (consumers.get(value) ?? []));
  const soleConsumer = (value: Value) => {
    const list = readers(value);
    return list?.length === 1 ? list[0] : undefined;
  };
  const order = new Map(nodes.map((node, i) => [node, i]));
  const orderOf = (node: Node) => order.get(node) ?? nodes.length;
  const precedes = ({ source }: Value, node: Node) =>
    source.kind !== 'node' || orderOf(source.node) < orderOf(node);
  const taken = new Set<Node>();
  const free = (value: Value) => (consumers.get(value) ?? []).filter((reader) => !taken.has(reader));
  const groups: Group[] = [];
  for (const node of nodes) {
    if (taken.has(node)) continue;
    const members = fusing ? fuse(node, { soleConsumer, consumers: free, readers, precedes }) : [node];
    for (const member of members.slice(members.indexOf(node) + 1)) taken.add(member);
    // A rule may put a variant of the node in its place.
    groups.push({ root: members.includes(node) ? node : members[members.length - 1], nodes: members });
  }
  return groups;
}

/** Steps whose results are read, with what goes in and out of each. */
function liveSteps(groups: readonly Group[], read: ReadonlySet<Value>): Step[] {
  const needed = new Set(read);
  const steps: Step[] = [];
  for (const { root, nodes } of [...groups].reverse()) {
    const written = nodes.flatMap((node) => node.outputs);
    if (!nodes.some(mutates) && !written.some((value) => needed.has(value))) continue;
    const inside = new Set(written);
    const inputs = new Set<Value>();
    for (const node of nodes)
      for (const input of node.inputs) if (input && !inside.has(input)) inputs.add(input);
    const outputs = written.filter((value) => needed.has(value));
    for (const input of inputs) needed.add(input);
    steps.push({ root, nodes, inputs: [...inputs], outputs });
  }
  return steps.reverse();
}

type Places = Pick<
  Plan,
  'placements' | 'inputs' | 'outputs' | 'variables' | 'arenaBytes' | 'microBytes' | 'ioBytes'
>;

function place(graph: Graph, steps: readonly Step[], guards: readonly Value[], loop: Loop | null): Places {
  const placements = new Map<Value, Placement>();
  const variables: Variable[] = [];
  let ioBytes = 0;
  const placeInIo = (value: Value) => {
    if (placements.has(value)) return;
    const bytes = storageBytes(value);
    placements.set(value, { region: 'io', offset: ioBytes, bytes, stride: 0 });
    ioBytes += align(bytes);
  };

  const used = new Set(steps.flatMap((step) => step.inputs));
  const inputs = new Map([...graph.inputs].filter(([, value]) => used.has(value)));
  for (const value of inputs.values()) placeInIo(value);
  for (const value of used) {
    if (value.source.kind === 'constant') placeInIo(value);
    if (value.source.kind !== 'variable') continue;
    placements.set(value, { region: 'variables', offset: 0, bytes: storageBytes(value), stride: 0 });
    variables.push(value.source.variable);
  }
  for (const value of graph.outputs.values()) placeInIo(value);

  const lives = lifetimes(steps, guards, loop);
  const parts = partsOfWholes(steps);
  const placeIn = (region: 'arena' | 'micro', values: readonly Interval<Value>[]) => {
    const arena = placeInArena(values.filter(({ key }) => !placements.has(key) && !parts.has(key)));
    for (const [value, offset] of arena.offsets)
      placements.set(value, { region, offset, bytes: storageBytes(value), stride: 0 });
    return arena.bytes;
  };
  const arenaBytes = placeIn('arena', lives.whole);
  const microBytes = placeIn('micro', lives.micro);
  for (const [part, whole] of parts) {
    const bytes = storageBytes(part);
    const home = placements.get(whole);
    if (!home) throw mismatch('compile()', 'a stored value to cut or join', describe(whole));
    placements.set(part, { ...home, bytes, stride: bytes });
  }
  return { placements, inputs, outputs: graph.outputs, variables, arenaBytes, microBytes, ioBytes };
}

/** Values that are rows of a larger one, and lie in it. */
function partsOfWholes(steps: readonly Step[]): Map<Value, Value> {
  const parts = new Map<Value, Value>();
  const add = (part: Value | null, whole: Value | null) => {
    if (!part || !whole) return;
    if (parts.has(part)) throw mismatch('compile()', 'rows that are cut or joined once', describe(part));
    parts.set(part, whole);
  };
  for (const { root } of steps) {
    const [x, y] = [root.inputs[0] ?? null, root.outputs[0]];
    if (root.op.name === 'microBatch') add(y, x);
    if (root.op.name === 'joinMicro') add(x, y);
  }
  return parts;
}
