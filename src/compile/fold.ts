/**
 * Folding: a normalisation by running statistics is a line per channel, and the convolution or dense layer before
 * it can draw that line itself, with other weights and another bias. These depend on variables alone, so an engine
 * makes them once and keeps them until a variable changes.
 */
import type { Node, Value } from '../graph/value.ts';
import type { BatchNormAttrs } from '../ops/batch-norm.ts';
import type { Uses } from './match.ts';

/** The normalisation that `layer` (conv2d or dense) takes into its weights, if there is one. */
export function foldable(layer: Node, uses: Uses): Node | undefined {
  const [, ...weights] = layer.inputs;
  const norm = uses.soleConsumer(layer.outputs[0]);
  if (norm?.op.name !== 'batchNorm' || norm.inputs[0] !== layer.outputs[0]) return undefined;
  const { training } = norm.attrs as BatchNormAttrs;
  const [, mean, invStd] = norm.outputs;
  const read = [mean, invStd].some((value) => uses.consumers(value).length > 0);
  const constant = [...weights, ...norm.inputs.slice(1)].every(isVariable);
  return !training && !read && constant ? norm : undefined;
}

function isVariable(value: Value | null): boolean {
  return value === null || value.source.kind === 'variable';
}
