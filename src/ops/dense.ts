/**
 * Fully connected layer and its two gradients: y = x·wᵀ + bias.
 *
 * x [N, F] (f32 or spike), w [O, F], bias [O] → y [N, O].
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef } from '../graph/op.ts';
import type { Value } from '../graph/value.ts';
import { elements, f32 } from '../graph/value.ts';
import { reduceSum } from './reduce.ts';
import { expectInput, expectShape, steps } from './shapes.ts';

export const dense: OpDef = {
  name: 'dense',
  infer(inputs) {
    const x = expectInput('dense', inputs, 0, 'x', { rank: 2, dtypes: ['f32', 'spike'] });
    const w = expectInput('dense', inputs, 1, 'weight', { rank: 2 });
    if (w.shape[1] !== x.shape[1])
      throw mismatch('dense()', `weight [O×${x.shape[1]}]`, `[${w.shape.join('×')}]`);
    if (inputs[2]) expectShape('dense', inputs[2], 'bias', [w.shape[0]]);
    return [f32([x.shape[0], w.shape[0]], x.time)];
  },
  gradient({ inputs: [x, w, bias], grads: [g], needs }) {
    if (!x || !w || !g) return [null, null, null];
    return [
      needs(0) ? apply(denseGradInput, [g, w], {})[0] : null,
      needs(1) ? apply(denseGradWeight, [x, g], {})[0] : null,
      bias && needs(2) ? reduceSum(g, { axes: [0], time: true }) : null,
    ];
  },
  macs: ({ inputs: [x], outputs: [y] }) => (x ? elements(y) * x.shape[1] : 0),
  reference({ inputs: [x, w, bias], outputs: [y] }) {
    if (!x || !w || !y) return;
    const rows = x.type.shape[0] * steps(x.type);
    const [outputs, features] = w.type.shape;
    for (let n = 0; n < rows; n++)
      for (let o = 0; o < outputs; o++) {
        let sum = bias ? bias.data[o] : 0;
        for (let f = 0; f < features; f++) sum += x.data[n * features + f] * w.data[o * features + f];
        y.data[n * outputs + o] = sum;
      }
  },
};

/** (g [N, O], w [O, F]) → gradient of x [N, F]. */
export const denseGradInput: OpDef = {
  name: 'denseGradInput',
  infer([g, w]) {
    if (!g || !w) throw mismatch('denseGradInput()', 'g and weight', 'nothing');
    return [f32([g.shape[0], w.shape[1]], g.time)];
  },
  macs: ({ inputs: [g], outputs: [dx] }) => (g ? elements(dx) * g.shape[1] : 0),
  reference({ inputs: [g, w], outputs: [dx] }) {
    if (!g || !w || !dx) return;
    const [outputs, features] = w.type.shape;
    for (let n = 0; n < g.type.shape[0] * steps(g.type); n++)
      for (let f = 0; f < features; f++) {
        let sum = 0;
        for (let o = 0; o < outputs; o++) sum += g.data[n * outputs + o] * w.data[o * features + f];
        dx.data[n * features + f] = sum;
      }
  },
};

/** (x [N, F], g [N, O]) → gradient of w [O, F], summed over batch and time. */
export const denseGradWeight: OpDef = {
  name: 'denseGradWeight',
  infer([x, g]) {
    if (!g || !x) throw mismatch('denseGradWeight()', 'x and g', 'nothing');
    return [{ ...f32([g.shape[1], x.shape[1]]), format: 'flat' }];
  },
  macs: ({ inputs: [x, g] }) => (x && g ? elements(x) * g.shape[1] : 0),
  reference({ inputs: [x, g], outputs: [dw] }) {
    if (!x || !g || !dw) return;
    const [outputs, features] = dw.type.shape;
    const rows = x.type.shape[0] * steps(x.type);
    for (let o = 0; o < outputs; o++)
      for (let f = 0; f < features; f++) {
        let sum = 0;
        for (let n = 0; n < rows; n++) sum += x.data[n * features + f] * g.data[n * outputs + o];
        dw.data[o * features + f] = sum;
      }
  },
};

/** Traces y = x·wᵀ + bias. `x` [N, F], `weight` [O, F], `bias` [O] or null. */
export function linear(x: Value, weight: Value, bias: Value | null): Value {
  return apply(dense, [x, weight, bias], {})[0];
}
