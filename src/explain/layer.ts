/** Choosing a layer of a network by name, or the one that a method is usually asked about. */
import { EXIT, nearest, SomaError } from '../errors.ts';
import type { OpDef } from '../graph/op.ts';
import type { Value } from '../graph/value.ts';
import { batchNormOp } from '../ops/batch-norm.ts';
import { conv2d } from '../ops/conv2d.ts';
import { eluOp, reluOp } from '../ops/elementwise.ts';
import { maxPool2dOp } from '../ops/pool.ts';
import type { Observed } from '../train/observation.ts';

export interface Layer {
  readonly name: string;
  /** [N, C, H, W], with time or without. */
  readonly value: Value;
}

function isMap({ shape }: Value): boolean {
  return shape.length === 4 && shape[2] * shape[3] > 1;
}

/** Layers that give maps, in the order of their ends. */
function mapLayers({ layers }: Observed): Layer[] {
  return [...layers].filter(([, value]) => isMap(value)).map(([name, value]) => ({ name, value }));
}

/**
 * The layer of that name. Left out: the last spiking layer with maps, because the currents before its neurons are often
 * negative where a negative weight turns them into heat that no neuron has seen; without spikes, or where something `behind`
 * the layer is asked about, the last convolution with several channels, so that the one inside an attention over places is
 * not meant.
 * @throws SomaError with the nearest name where the network has no such layer with maps
 */
export function findMapLayer(observed: Observed, name?: string, behind = false): Layer {
  const layers = mapLayers(observed);
  const isConvolution = ({ value: { source, shape } }: Layer) =>
    source.kind === 'node' && source.node.op === conv2d && shape[1] > 1;
  const spiking = behind ? undefined : spikingLayers(observed).at(-1);
  const usual = spiking ?? layers.findLast(isConvolution);
  return chosen(layers, name ?? usual?.name, 'a layer with maps');
}

const ACTIVATIONS: readonly OpDef<never>[] = [reluOp, eluOp];

/** What may stand between a layer and its activation. */
const BETWEEN: readonly OpDef<never>[] = [batchNormOp, maxPool2dOp];

/**
 * What the ReLU or ELU behind a layer makes of it. Between them there may be a BatchNorm, and a max-pool, which is taken
 * before the activation wherever a network is built.
 * @throws SomaError where something else follows
 */
export function activated({ name, value }: Layer): Layer {
  const { nodes } = value.graph;
  const readersOf = (x: Value) => nodes.filter(({ inputs }) => inputs.includes(x));
  // Nobody reads what was put in another order.
  const [next, ...others] = readersOf(value).filter(({ outputs }) => readersOf(outputs[0]).length > 0);
  const is = (ops: readonly OpDef<never>[]) => others.length === 0 && ops.some((op) => op === next?.op);
  if (is(ACTIVATIONS)) return { name: `${name}, activated`, value: next.outputs[0] };
  if (is(BETWEEN)) return activated({ name, value: next.outputs[0] });
  throw new SomaError(
    `--activated: expected a layer with a ReLU or ELU behind it, got ${name}; choose another layer`,
    EXIT.usage,
  );
}

/**
 * The spiking layer of that name. Left out: the last one with maps.
 * @throws SomaError where the network has no such layer
 */
export function findSpikingLayer(observed: Observed, name?: string): Layer {
  const layers = spikingLayers(observed);
  return chosen(layers, name ?? layers.at(-1)?.name, 'a spiking layer with maps');
}

/** Whether any spiking layer has maps. */
export function hasSpikeMaps(observed: Observed): boolean {
  return spikingLayers(observed).length > 0;
}

/** Spiking layers that give maps, in their order. */
function spikingLayers({ net }: Observed): Layer[] {
  return [...net.spikes].filter(([, value]) => isMap(value)).map(([name, value]) => ({ name, value }));
}

function chosen(layers: readonly Layer[], name: string | undefined, what: string): Layer {
  const names = layers.map((layer) => layer.name);
  const found = layers.find((layer) => layer.name === name);
  if (found) return found;
  if (names.length === 0)
    throw new SomaError(`explain: expected a network with ${what}, got one without; choose another method`);
  const meant = nearest(name ?? '', names);
  const advice = meant ? `did you mean ${meant}? There are` : 'there are';
  throw new SomaError(
    `--layer: expected ${what}, got ${name ?? 'none'}; ${advice} ${names.join(', ')}`,
    EXIT.usage,
  );
}
