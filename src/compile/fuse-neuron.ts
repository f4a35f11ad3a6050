/**
 * Fusion around neurons. A normalisation in front computes their current while they read it. Backward, the gradient that
 * reaches their spikes is undone while it is read: a 2×2 maximum of the spikes and a channel attention that read their means;
 * and the gradient of their current is summed up for the normalisation while it is written.
 */
import type { Node, Value } from '../graph/value.ts';
import { type BatchNormAttrs, batchNormApply, batchNormSums } from '../ops/batch-norm.ts';
import type { BroadcastAttrs } from '../ops/reduce.ts';
import type { OpName } from '../ops/table.ts';
import { type AttentionGradient, channelGradient } from './fuse-attention.ts';
import { undoneNorm } from './fuse-norm.ts';
import { isBlocked } from './layout.ts';
import { anywhere, canAdd, isHalvingPool, isPerMap, otherSummand, producer, type Uses } from './match.ts';

export function fuseNeuron(root: Node, uses: Uses): Node[] {
  return [...renormalised(root, uses), root];
}

export function fuseNeuronGrad(root: Node, uses: Uses): Node[] {
  const next = uses.soleConsumer(root.outputs[0]);
  const masked =
    next?.op.name === 'reluGrad' && next.inputs[0] === root.inputs[0] && next.inputs[1] === root.outputs[0];
  const follows = next && (masked || isResidual(next, root, uses));
  // Membranes and shortcuts may have the same gradient; then it is stored.
  const readOnce = ({ outputs: [value] }: Node) => uses.soleConsumer(value) !== undefined;
  return [
    ...(spikeGradient(root, readOnce)?.nodes ?? []),
    ...renormalised(root, uses),
    root,
    ...(follows ? [next] : []),
    ...(next && summedBy(next, uses) ? [sumsOf(next)] : []),
  ];
}

/** The gradient of a normalisation, of which neurons may have computed what is a sum over all images. */
export function fuseNormGrad(root: Node, uses: Uses): Node[] {
  if (!summedBy(root, uses)) return [...undoneNorm(root, anywhere).nodes, root];
  const [dx, ...sums] = root.outputs;
  return [{ ...root, inputs: [...root.inputs, ...sums], outputs: [dx] }];
}

/** Whether the gradient that `normGrad` reads comes from neurons that compute their current by that normalisation. */
function summedBy(normGrad: Node, uses: Uses): boolean {
  if (normGrad.op.name !== 'batchNormGrad') return false;
  const [x, , mean, , g] = normGrad.inputs;
  const neuron = producer(g, 'neuronGrad');
  if (!x || !g || !neuron || neuron.outputs[0] !== g || !isBlocked(x)) return false;
  const [norm] = renormalised(neuron, uses);
  return norm?.inputs[0] === x && norm.inputs[1] === mean && uses.soleConsumer(g) === normGrad;
}

function sumsOf(normGrad: Node): Node {
  const [x, , mean, invStd, g] = normGrad.inputs;
  return { ...normGrad, op: batchNormSums, inputs: [x, mean, invStd, g], outputs: normGrad.outputs.slice(1) };
}

/** Where the neurons' gradient has that of their spikes among its inputs: behind a current and two parameters. */
const SPIKES = 3;

/** A sum of gradients that is not undone with an attention. */
function isResidual(sum: Node, root: Node, uses: Uses): boolean {
  return canAdd(root, sum, uses) && channelGradient(sum.outputs[0], anywhere).nodes.length === 0;
}

/**
 * The normalisation that makes a neuron's current, as a node that computes it again from the statistics: neurons and their
 * gradient then read what was normalised, and the current is never stored. Nothing where somebody else reads it, or in
 * evaluation, where the normalisation is folded into the layer before it.
 */
function renormalised(neuron: Node, uses: Uses): Node[] {
  const [current] = neuron.inputs;
  const norm = producer(current, 'batchNorm');
  if (!current || !norm || !(norm.attrs as BatchNormAttrs).training) return [];
  const readers = uses.readers(current);
  if (!readers?.every(({ op, inputs }) => NEURON_OPS.has(op.name) && inputs.lastIndexOf(current) === 0))
    return [];
  const [x, gamma, beta] = norm.inputs;
  const [y, mean, invStd] = norm.outputs;
  return [{ ...norm, op: batchNormApply, inputs: [x, mean, invStd, gamma, beta], outputs: [y] }];
}

const NEURON_OPS: ReadonlySet<string> = new Set<OpName>(['neuron', 'neuronGrad']);

/** The gradient of spikes as a channel attention leaves it, `g` of the maps that a 2×2 maximum made where there is `argmax`. */
export interface SpikeGradient extends AttentionGradient {
  readonly argmax: Value | null;
}

/** What reaches the spikes of `neuronGrad`, as such a gradient made of nodes that are `within`; null where nothing does. */
export function spikeGradient(neuronGrad: Node, within: (node: Node) => boolean): SpikeGradient | null {
  const value = neuronGrad.inputs[SPIKES];
  if (!value) return null;
  const plain: SpikeGradient = { nodes: [], g: value, argmax: null };
  if (!isBlocked(value)) return plain;
  const sum = producer(value, 'add', within);
  const terms = sum?.inputs ?? [value];
  const pooled = terms.find((term) => producer(term, 'maxPool2dGrad', within));
  const unpool = producer(pooled, 'maxPool2dGrad', within);
  const [g, argmax] = unpool?.inputs ?? [];
  if (!pooled || !unpool || !g || !argmax || !isHalvingPool(unpool, 'maxPool2dGrad')) {
    const whole = channelGradient(value, within);
    return whole.maximum ? plain : { ...whole, argmax: null };
  }
  const stretched = sum && producer(otherSummand(sum, pooled), 'broadcastTo', within);
  const offset = stretched?.inputs[0] ?? undefined;
  if (sum && (!stretched || !offset || !isPerMap(offset, value))) return plain;
  const scaled = channelGradient(g, within);
  const behind = scaled.offset || scaled.maximum ? { nodes: [], g } : scaled;
  const nodes = [...behind.nodes, unpool, stretched, sum].filter((node) => node !== undefined);
  return {
    ...behind,
    nodes: nodes.sort((a, b) => a.id - b.id),
    argmax,
    ...(stretched ? { offset, factor: (stretched.attrs as BroadcastAttrs).scale } : {}),
  };
}
