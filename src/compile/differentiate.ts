/**
 * Reverse-mode differentiation: walks the traced nodes backwards and lets each op's rule append the nodes
 * that compute its gradients. The result is one graph that holds forward and backward pass.
 */
import { mismatch } from '../errors.ts';
import type { Node, Value } from '../graph/value.ts';
import { describe } from '../graph/value.ts';
import { add } from '../ops/elementwise.ts';

/**
 * Gradients of a scalar `loss` with respect to values of its graph.
 * @param wanted values, usually variables
 * @returns one gradient for each wanted value that the loss depends on
 */
export function differentiate(loss: Value, wanted: readonly Value[]): Map<Value, Value> {
  if (loss.shape.length !== 0 || loss.time !== null)
    throw mismatch('differentiate()', 'a scalar loss', describe(loss));
  const { graph } = loss;
  const forward = [...graph.nodes];
  const dependent = dependents(forward, wanted);
  const gradients = new Map<Value, Value>([[loss, graph.scalar(1)]]);

  for (const node of forward.reverse()) {
    const grads = node.outputs.map((output) => gradients.get(output) ?? null);
    if (!grads.some((g) => g) || !node.outputs.some((output) => dependent.has(output))) continue;
    const needs = (i: number) => {
      const input = node.inputs[i];
      return input != null && dependent.has(input) && !node.stops.has(i);
    };
    const results = graph.scoped(node.scope, () => rule(node, grads, needs));
    results.forEach((g, i) => {
      const input = node.inputs[i];
      if (!g || !input || !needs(i)) return;
      const known = gradients.get(input);
      gradients.set(input, known ? graph.scoped(node.scope, () => add(known, g)) : g);
    });
  }
  const found = wanted.filter((value) => gradients.has(value));
  return new Map(found.map((value) => [value, gradients.get(value) as Value]));
}

function rule(
  node: Node,
  grads: readonly (Value | null)[],
  needs: (i: number) => boolean,
): readonly (Value | null)[] {
  const { op, inputs, outputs, attrs } = node;
  if (!op.gradient) throw mismatch('differentiate()', 'ops with a gradient rule', op.name);
  return op.gradient({ node, inputs, outputs, attrs, grads, needs });
}

/** All values that depend on one of `sources`. */
function dependents(nodes: readonly Node[], sources: readonly Value[]): Set<Value> {
  const found = new Set(sources);
  for (const node of nodes)
    if (node.inputs.some((input, i) => input && found.has(input) && !node.stops.has(i)))
      for (const output of node.outputs)
        if (output.dtype === 'f32' || output.dtype === 'spike') found.add(output);
  return found;
}
