/** Choosing a layer of a network by name, or the one that a method is usually asked about. */
import { EXIT, nearest, SomaError } from '../errors.ts';
import type { Value } from '../graph/value.ts';
import { conv2d } from '../ops/conv2d.ts';
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
 * The layer of that name. Left out: the last convolution with several channels and pixels, so that the convolution
 * inside an attention over places is not meant.
 * @throws SomaError with the nearest name where the network has no such layer with maps
 */
export function findMapLayer(observed: Observed, name?: string): Layer {
  const layers = mapLayers(observed);
  const isConvolution = ({ value: { source, shape } }: Layer) =>
    source.kind === 'node' && source.node.op === conv2d && shape[1] > 1;
  return chosen(layers, name ?? layers.findLast(isConvolution)?.name, 'a layer with maps');
}

/**
 * The spiking layer of that name. Left out: the last one with maps.
 * @throws SomaError where the network has no such layer
 */
export function findSpikingLayer({ net }: Observed, name?: string): Layer {
  const layers = [...net.spikes]
    .filter(([, value]) => isMap(value))
    .map(([layer, value]) => ({ name: layer, value }));
  return chosen(layers, name ?? layers.at(-1)?.name, 'a spiking layer with maps');
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
