/** Appends the parameter updates of an optimizer to a graph that has gradients. */

import type { Graph } from '../graph/graph.ts';
import { apply } from '../graph/graph.ts';
import type { Value, Variable } from '../graph/value.ts';
import { size } from '../graph/value.ts';
import type { TrainingSettings } from '../models/settings.ts';
import type { Framework } from '../nn/net.ts';
import { adamOp, sgdOp } from '../ops/optimizer.ts';

/** A slot of `parameter`, zero at first, e.g. `conv1.weight.m`. */
function slot(graph: Graph, parameter: Value, suffix: string): Value {
  const { shape, source } = parameter;
  const owner = source.kind === 'variable' ? source.variable.name : '';
  const variable: Variable = {
    name: `${owner}.${suffix}`,
    kind: 'slot',
    shape,
    initial: () => new Float32Array(size(shape)),
  };
  return graph.variable(variable);
}

/**
 * Updates each parameter by its gradient. Adds the inputs `lr` (f32 []) and, for Adam, `step` (i32 [],
 * counting from 1).
 */
export function applyOptimizer(
  graph: Graph,
  gradients: ReadonlyMap<Value, Value>,
  optimizer: TrainingSettings['optimizer'],
  framework: Framework,
): void {
  const lr = graph.input('lr', { dtype: 'f32', shape: [], time: null, format: 'flat' });
  if (optimizer.kind === 'sgd') {
    for (const [parameter, g] of gradients) {
      const velocity = optimizer.momentum > 0 ? slot(graph, parameter, 'velocity') : null;
      apply(sgdOp, [parameter, g, velocity, lr], optimizer);
    }
    return;
  }
  const step = graph.input('step', { dtype: 'i32', shape: [], time: null, format: 'flat' });
  const attrs = {
    ...optimizer,
    rawEps: framework.adam.rawEps,
    eps: optimizer.eps ?? framework.adam.eps,
    decoupled: optimizer.kind === 'adamw',
  };
  for (const [parameter, g] of gradients)
    apply(adamOp, [parameter, g, slot(graph, parameter, 'm'), slot(graph, parameter, 'v'), lr, step], attrs);
}
