/**
 * Graph to plan: what nobody reads is left out, nodes are fused into steps, and every value gets its place.
 */
import type { Graph } from '../graph/graph.ts';
import type { Node, Value, Variable } from '../graph/value.ts';
import { type ConvAlgorithm, chooseConv } from './choose.ts';
import { fuse } from './fuse.ts';
import { align, storageBytes } from './layout.ts';
import { placeInArena } from './place.ts';
import type { Placement, Plan, Step } from './plan.ts';

export interface CompileOptions {
  /** Shown by `soma plan`. */
  readonly name?: string;
  /** Off: one step a node; for tests. */
  readonly fuse?: boolean;
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
  const nodes = liveNodes(graph.nodes, read);
  const steps = liveSteps(group(nodes, read, options.fuse ?? true), read).map((step) => {
    const conv = chooseConv(step, options.prefer);
    return conv ? { ...step, conv } : step;
  });
  const updatesFrom = firstUpdate ? steps.findIndex((step) => step.root === firstUpdate) : steps.length;
  return { name, steps, updatesFrom, guards, ...place(graph, steps, guards) };
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
  const soleConsumer = (value: Value) => {
    const list = consumers.get(value) ?? [];
    return list.length === 1 && !read.has(value) ? list[0] : undefined;
  };
  const taken = new Set<Node>();
  const groups: Group[] = [];
  for (const node of nodes) {
    if (taken.has(node)) continue;
    const members = fusing ? fuse(node, { soleConsumer }) : [node];
    for (const member of members.slice(members.indexOf(node) + 1)) taken.add(member);
    groups.push({ root: node, nodes: members });
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

type Places = Pick<Plan, 'placements' | 'inputs' | 'outputs' | 'variables' | 'arenaBytes' | 'ioBytes'>;

function place(graph: Graph, steps: readonly Step[], guards: readonly Value[]): Places {
  const placements = new Map<Value, Placement>();
  const variables: Variable[] = [];
  let ioBytes = 0;
  const placeInIo = (value: Value) => {
    if (placements.has(value)) return;
    const bytes = storageBytes(value);
    placements.set(value, { region: 'io', offset: ioBytes, bytes });
    ioBytes += align(bytes);
  };

  const used = new Set(steps.flatMap((step) => step.inputs));
  const inputs = new Map([...graph.inputs].filter(([, value]) => used.has(value)));
  for (const value of inputs.values()) placeInIo(value);
  for (const value of used) {
    if (value.source.kind === 'constant') placeInIo(value);
    if (value.source.kind !== 'variable') continue;
    placements.set(value, { region: 'variables', offset: 0, bytes: storageBytes(value) });
    variables.push(value.source.variable);
  }
  for (const value of graph.outputs.values()) placeInIo(value);

  const lastRead = new Map<Value, number>();
  steps.forEach((step, i) => {
    for (const value of step.inputs) lastRead.set(value, i);
  });
  for (const value of guards) lastRead.set(value, steps.length);
  const intervals = steps.flatMap((step, from) =>
    step.outputs
      .filter((value) => !placements.has(value))
      .map((key) => ({ key, bytes: storageBytes(key), from, to: lastRead.get(key) ?? from })),
  );
  const arena = placeInArena(intervals);
  for (const { key, bytes } of intervals)
    placements.set(key, { region: 'arena', offset: arena.offsets.get(key) ?? 0, bytes });
  return { placements, inputs, outputs: graph.outputs, variables, arenaBytes: arena.bytes, ioBytes };
}
