/**
 * Fusion: which nodes are executed as one step. Each rule names a root and what it takes in; kernels exist
 * for just these combinations, and the reference engine executes a step's nodes one by one.
 *
 * Two ways to take a node in. A *consumer* that alone reads the root's result runs right behind it, and the
 * value between is never stored. A *producer* is run again inside each step that reads it; when all its
 * readers have taken it in, its own step is dead and goes.
 */
import type { Node, Value } from '../graph/value.ts';
import type { OpName } from '../ops/table.ts';
import { canRunOnSpikes, convStep } from './conv-step.ts';
import { foldable } from './fold.ts';
import {
  channelGradient,
  isMapDot,
  isPixelDot,
  mapSummaries,
  pixelGradient,
  pixelSummaries,
  readSpikes,
} from './fuse-attention.ts';
import { fuseNeuron, fuseNeuronGrad, fuseNormGrad } from './fuse-neuron.ts';
import { fuseNorm } from './fuse-norm.ts';
import { isMap } from './layout.ts';
import { anywhere, isHalvingPool, type Uses } from './match.ts';

/** The nodes of the step that has `root` as its root, in order of execution. */
export function fuse(root: Node, uses: Uses): Node[] {
  const rule = RULES[root.op.name as OpName];
  return rule ? rule(root, uses) : [root];
}

type Rule = (root: Node, uses: Uses) => Node[];

const RULES: Partial<Record<OpName, Rule>> = {
  conv2d: (root, uses) => {
    const nodes = withFolded(root, uses);
    const pool = uses.soleConsumer(nodes[nodes.length - 1].outputs[0]);
    if (pool && isHalvingPool(pool, 'maxPool2d')) nodes.push(pool);
    const relu = uses.soleConsumer(nodes[nodes.length - 1].outputs[0]);
    if (relu?.op.name === 'relu') nodes.push(relu);
    return nodes;
  },
  conv2dGradInput: (root) => withProducer(root, 0, unpooling),
  conv2dGradWeight: (root, uses) => {
    const nodes = withProducer(root, 1, unpooling);
    const conv = convStep({ root, nodes });
    return conv && canRunOnSpikes(conv) ? withSum(nodes, root, uses) : nodes;
  },
  dense: (root, uses) => [...withProducer(root, 0, flattening).slice(0, -1), ...withFolded(root, uses)],
  denseGradWeight: (root, uses) => {
    const nodes = withProducer(root, 0, flattening);
    return root.inputs[0]?.dtype === 'spike' ? withSum(nodes, root, uses) : nodes;
  },
  denseGradInput: (root, uses) => {
    const reshape = uses.soleConsumer(root.outputs[0]);
    const undone = reshape?.op.name === 'reshape' && flattens(reshape.outputs[0], root.outputs[0]);
    return undone ? [root, reshape] : [root];
  },
  neuron: fuseNeuron,
  neuronGrad: fuseNeuronGrad,
  batchNorm: fuseNorm,
  batchNormGrad: fuseNormGrad,
  add: (root) => {
    const [sum] = root.outputs;
    const sums = [channelGradient(sum, anywhere), pixelGradient(sum, anywhere)];
    return [...(sums.find(({ nodes }) => nodes.length > 0)?.nodes ?? [root])];
  },
  reluGrad: (root) => {
    const [y, g] = root.inputs;
    if (!y || !g) return [root];
    const { nodes, maximum } = channelGradient(g, anywhere);
    return maximum && maximum.inputs[0] !== y ? [root] : [...nodes, root];
  },
  mul: (root, uses) => {
    const sum = uses.soleConsumer(root.outputs[0]);
    if (sum && isPixelDot(root, sum)) return [root, sum];
    const dot = isMapDot(root, sum) ? sum : undefined;
    return [readSpikes(root, dot), root, dot].filter((node) => node !== undefined);
  },
  reduceMean: (root, uses) => withSibling(root, uses),
  reduceMax: (root, uses) => withSibling(root, uses),
};

function withFolded(layer: Node, uses: Uses): Node[] {
  const norm = foldable(layer, uses);
  return norm ? [layer, norm] : [layer];
}

/** Mean and maximum of the same maps, or of the channels of the same pixels. */
function withSibling(root: Node, uses: Uses): Node[] {
  const [x] = root.inputs;
  const readers = x ? uses.consumers(x) : [];
  const both = x ? [mapSummaries(x, readers), pixelSummaries(x, readers)] : [];
  const siblings = both.find((nodes) => nodes.includes(root)) ?? [];
  return [root, ...siblings.filter((node) => node !== root)];
}

function withProducer(root: Node, input: number, wanted: (node: Node) => boolean): Node[] {
  const source = root.inputs[input]?.source;
  return source?.kind === 'node' && wanted(source.node) ? [source.node, root] : [root];
}

/** With the sum over micro-batches behind it: kernels of spikes add to it where they would write. */
function withSum(nodes: Node[], root: Node, uses: Uses): Node[] {
  const sum = uses.soleConsumer(root.outputs[0]);
  return sum?.op.name === 'sumMicro' ? [...nodes, sum] : nodes;
}

function unpooling(node: Node): boolean {
  return isHalvingPool(node, 'maxPool2dGrad');
}

/** Whether `rows` are what is left of `maps` without the axes of a map: one row an image. */
function flattens(maps: Value, rows: Value): boolean {
  return isMap(maps) && rows.shape.length === 2 && rows.shape[0] === maps.shape[0];
}

function flattening(node: Node): boolean {
  const [x] = node.inputs;
  return node.op.name === 'reshape' && x !== null && flattens(x, node.outputs[0]);
}
