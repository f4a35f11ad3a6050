/**
 * What a network does to one image, op by op, for models of its energy: products with weights and whether spikes drive them,
 * neurons and their steps, normalisations that cannot be folded away. Read from a graph that was traced with a batch of one,
 * so that every number is one of an image.
 */
import type { Node, Value } from '../graph/value.ts';
import { elements, size } from '../graph/value.ts';
import type { OpName } from '../ops/table.ts';

/** When something is computed: in every step, once because it comes before time, or once because it comes after it. */
export type When = 'steps' | 'before' | 'after';

/** A convolution, a dense layer or a product of matrices. */
export interface Synapses {
  readonly kind: 'synapses';
  readonly layer: string;
  readonly op: string;
  readonly when: When;
  /** Steps in which it is computed. */
  readonly steps: number;
  /** Multiply–accumulates of a step, if nothing is skipped; padding counts. */
  readonly macs: number;
  /** The spikes that drive it, at whatever shape; null where it reads real numbers. */
  readonly spikes: Value | null;
  /** Numbers that it reads and makes in a step, weights and biases. */
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: number;
  readonly biases: number;
}

/** A layer of neurons that fire. */
export interface Neurons {
  readonly kind: 'neurons';
  readonly layer: string;
  readonly model: 'lif' | 'alif';
  /** Whether its spikes suppress: then 1 − S is formed besides. */
  readonly mask: boolean;
  readonly neurons: number;
  readonly steps: number;
  readonly spikes: Value;
}

/** A BatchNorm whose factor and offset cannot be taken into the weights before it. */
export interface Normalisation {
  readonly kind: 'normalisation';
  readonly layer: string;
  readonly when: When;
  readonly steps: number;
  /** Numbers of a step. */
  readonly elements: number;
}

export type Work = Synapses | Neurons | Normalisation;

export interface Workload {
  /** In the order of the graph. */
  readonly work: readonly Work[];
  /** T; 1 where nothing has time. */
  readonly steps: number;
  /** What models of energy do not fit, in words. */
  readonly warnings: readonly string[];
}

const is = (node: Node | undefined, ...names: OpName[]) =>
  node !== undefined && names.some((name) => node.op.name === name);

/** @param result the logits, of a graph without training */
export function workload(nodes: readonly Node[], result: Value): Workload {
  const live = liveNodes(nodes, result);
  const timed = new Set<Value>();
  const masks = new Set(live.flatMap((node) => (is(node, 'suppress') ? [node.inputs[1]] : [])));
  const work: Work[] = [];
  const warnings: string[] = [];
  let folded = 0;
  for (const node of live) {
    const [y] = node.outputs;
    const behind = node.inputs.some((input) => input && timed.has(input));
    if (behind || y.time !== null) for (const output of node.outputs) timed.add(output);
    const when: When = y.time !== null ? 'steps' : behind ? 'after' : 'before';
    const at = { layer: node.scope, when, steps: y.time ?? 1 };
    if (is(node, 'neuron', 'alif')) {
      const model = is(node, 'alif') ? 'alif' : 'lif';
      const of = { layer: node.scope, model, mask: masks.has(y), spikes: y } as const;
      work.push({ kind: 'neurons', ...of, neurons: size(y.shape), steps: y.time ?? 1 });
    } else if (is(node, 'batchNorm')) {
      if (isFolded(node)) folded++;
      else work.push({ kind: 'normalisation', ...at, elements: size(y.shape) });
    } else if (node.op.macs) {
      work.push(synapses(node, at));
    } else if (is(node, 'mul') && node.inputs.some((input) => input && spikesBehind(input)))
      warnings.push(
        `${nearestLayer(node)}: spikes are multiplied by real numbers here, so the layers behind read no spikes and count as multiply–accumulates`,
      );
  }
  const unfolded = work.filter(({ kind }) => kind === 'normalisation');
  if (folded > 0)
    warnings.push(
      `${folded} BatchNorm ${folded === 1 ? 'layer is' : 'layers are'} taken as folded into the weights before: no operations`,
    );
  if (unfolded.length > 0)
    warnings.push(
      `${unfolded.map(({ layer }) => layer).join(', ')}: BatchNorm without weights right before it, counted as a multiplication and an addition for each number`,
    );
  return { work, steps: Math.max(1, ...live.map(({ outputs: [y] }) => y.time ?? 1)), warnings };
}

function liveNodes(nodes: readonly Node[], result: Value): Node[] {
  const needed = new Set<Value>([result]);
  const live: Node[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    for (const input of node.inputs) if (input) needed.add(input);
    live.push(node);
  }
  return live.reverse();
}

function synapses(node: Node, at: Pick<Synapses, 'layer' | 'when' | 'steps'>): Synapses {
  const { op, inputs } = node;
  const [y] = node.outputs;
  const [x, weight, bias] = inputs;
  const spikes = x && weight?.source.kind === 'variable' ? spikesBehind(x) : null;
  return {
    ...{ kind: 'synapses', ...at, op: op.name },
    macs: (op.macs?.(node) ?? 0) / at.steps,
    spikes,
    inputs: x ? size(x.shape) : 0,
    outputs: elements(y) / at.steps,
    weights: weight ? size(weight.shape) : 0,
    biases: bias ? size(bias.shape) : 0,
  };
}

/** The spikes that a value consists of, where it does. */
function spikesBehind(value: Value): Value | null {
  if (value.dtype === 'spike') return value;
  if (value.source.kind !== 'node') return null;
  const { node } = value.source;
  const [x] = node.inputs;
  return x && is(node, 'cast', 'reshape') ? spikesBehind(x) : null;
}

/** The layer of a node; of one between layers, that of the last layer whose numbers it reads. */
function nearestLayer({ scope, inputs }: Node): string {
  if (scope) return scope;
  for (const input of [...inputs].reverse())
    if (input?.source.kind === 'node' && !spikesBehind(input)) return nearestLayer(input.source.node);
  return 'between layers';
}

/** Whether what a BatchNorm reads was made by weights that can take in its factor and offset. */
function isFolded({ inputs: [x] }: Node): boolean {
  if (x?.source.kind !== 'node') return false;
  const { node } = x.source;
  if (!is(node, 'add')) return is(node, 'conv2d', 'conv2dGradInput', 'dense');
  // A bias that is added after a transposed convolution.
  const [made] = node.inputs;
  return made?.source.kind === 'node' && is(made.source.node, 'conv2dGradInput');
}
