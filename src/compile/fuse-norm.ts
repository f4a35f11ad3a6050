/**
 * Fusion around batch normalisation. Forward: a residual that is added, or a 2×2 maximum, then ReLU, then the
 * means and maxima that a channel attention reads. Backward: the gradient of these is undone while it is read, and
 * what they kept of the forward pass is computed again from the normalisation's input. Neurons behind it compute their
 * current in the same way.
 */
import type { Node, Value } from '../graph/value.ts';
import { type BatchNormAttrs, batchNormApply } from '../ops/batch-norm.ts';
import type { OpName } from '../ops/table.ts';
import { type ChannelGradient, channelGradient, mapSummaries } from './fuse-attention.ts';
import { isBlocked } from './layout.ts';
import { canAdd, isHalvingPool, producer, type Uses } from './match.ts';

export function fuseNorm(root: Node, uses: Uses): Node[] {
  const nodes = [root];
  const last = () => nodes[nodes.length - 1].outputs[0];
  const next = uses.soleConsumer(last());
  const pool = next && isBlocked(last()) && isHalvingPool(next, 'maxPool2d');
  const added = next !== undefined && canAdd(root, next, uses);
  if (next && (pool || added)) nodes.push(next);
  const relu = uses.soleConsumer(last());
  if (relu?.op.name === 'relu') nodes.push(relu);
  return added ? nodes : [...nodes, ...mapSummaries(last(), uses.consumers(last()))];
}

/**
 * The normalisation that makes a neuron's current, as a node that computes it again from the statistics: neurons and their
 * gradient then read what was normalised, and the current is never stored. Nothing where somebody else reads it, or in
 * evaluation, where the normalisation is folded into the layer before it.
 */
export function renormalised(neuron: Node, uses: Uses): Node[] {
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

/** What a step with this gradient as its root undoes on the way. */
export interface UndoneNorm {
  /** In order of execution, without the root. */
  readonly nodes: readonly Node[];
  /** The normalisation's shift, where its result is computed again. */
  readonly shift: Value | null;
  readonly rectified: boolean;
  /** What ReLU gave, where that is smaller than x. */
  readonly result: Value | null;
  readonly argmax: Value | null;
  readonly incoming: ChannelGradient;
}

export function undoneNorm(root: Node, within: (node: Node) => boolean): UndoneNorm {
  const [x, , mean, , grad] = root.inputs;
  if (!x || !grad) throw new Error('batchNormGrad: expected x and a gradient');
  const plain: UndoneNorm = {
    nodes: [],
    shift: null,
    rectified: false,
    result: null,
    argmax: null,
    incoming: { nodes: [], g: grad },
  };
  const norm = producer(mean, 'batchNorm');
  if (!norm || norm.inputs[0] !== x) return plain;

  let [result] = norm.outputs;
  let g = grad;
  const unpool = producer(g, 'maxPool2dGrad');
  const pool = producer(unpool?.inputs[1], 'maxPool2d');
  const pooled = unpool && pool && within(unpool) && isBlocked(x) && isHalvingPool(pool, 'maxPool2d');
  const poolInput = pooled && pool.inputs[0] === result;
  if (poolInput && unpool.inputs[0]) {
    [result] = pool.outputs;
    g = unpool.inputs[0];
  }
  const mask = producer(g, 'reluGrad');
  const relu = producer(mask?.inputs[0], 'relu');
  const masked = mask && relu && within(mask) && relu.inputs[0] === result;
  if (masked && mask.inputs[1]) {
    [result] = relu.outputs;
    g = mask.inputs[1];
  }
  const read = channelGradient(g, within);
  const incoming = read.maximum && read.maximum.inputs[0] !== result ? { nodes: [], g } : read;
  return {
    nodes: [...incoming.nodes, ...(masked ? [mask] : []), ...(poolInput ? [unpool] : [])],
    shift: masked || incoming.maximum ? norm.inputs[2] : null,
    rectified: masked === true,
    result: masked && poolInput ? result : null,
    argmax: poolInput ? unpool.inputs[1] : null,
    incoming,
  };
}
