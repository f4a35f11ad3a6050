/**
 * Fusion around batch normalisation. Forward: a residual that is added, or a 2×2 maximum, then ReLU, then the
 * means and maxima that a channel attention reads. Backward: the gradient of these is undone while it is read, and
 * what they kept of the forward pass is computed again from the normalisation's input.
 */
import type { Node, Value } from '../graph/value.ts';
import { type AttentionGradient, channelGradient, mapSummaries } from './fuse-attention.ts';
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
  readonly incoming: AttentionGradient;
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
  const unpool = producer(g, 'maxPool2dGrad', within);
  const pool = producer(unpool?.inputs[1], 'maxPool2d');
  const pooled = unpool && pool && isBlocked(x) && isHalvingPool(pool, 'maxPool2d');
  const poolInput = pooled && pool.inputs[0] === result;
  if (poolInput && unpool.inputs[0]) {
    [result] = pool.outputs;
    g = unpool.inputs[0];
  }
  const mask = producer(g, 'reluGrad', within);
  const relu = producer(mask?.inputs[0], 'relu');
  const masked = mask && relu && relu.inputs[0] === result;
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
