/** Softmax over the last axis, and its gradient. */
import { apply } from '../graph/graph.ts';
import type { OpDef } from '../graph/op.ts';
import type { Value } from '../graph/value.ts';
import { toFloat } from './elementwise.ts';
import { expectInput } from './shapes.ts';

export const softmaxOp: OpDef = {
  name: 'softmax',
  infer: (inputs) => [{ ...expectInput('softmax', inputs, 0, 'x'), format: 'flat' }],
  gradient: ({ outputs: [y], grads: [g] }) => [g ? apply(softmaxGrad, [y, g], {})[0] : null],
  reference({ inputs: [x], outputs: [y] }) {
    if (!x || !y) return;
    const n = x.type.shape.at(-1) ?? 1;
    for (let row = 0; row < x.data.length; row += n) {
      let highest = -Infinity;
      for (let i = 0; i < n; i++) highest = Math.max(highest, x.data[row + i]);
      let sum = 0;
      for (let i = 0; i < n; i++) sum += Math.exp(x.data[row + i] - highest);
      for (let i = 0; i < n; i++) y.data[row + i] = Math.exp(x.data[row + i] - highest) / sum;
    }
  },
};

/** (y, g) → y·(g − Σ g·y). */
export const softmaxGrad: OpDef = {
  name: 'softmaxGrad',
  infer: (inputs) => [{ ...expectInput('softmaxGrad', inputs, 0, 'y') }],
  reference({ inputs: [y, g], outputs: [dx] }) {
    if (!y || !g || !dx) return;
    const n = y.type.shape.at(-1) ?? 1;
    for (let row = 0; row < y.data.length; row += n) {
      let inner = 0;
      for (let i = 0; i < n; i++) inner += g.data[row + i] * y.data[row + i];
      for (let i = 0; i < n; i++) dx.data[row + i] = y.data[row + i] * (g.data[row + i] - inner);
    }
  },
};

/** Softmax over the last axis of a flat value. */
export function softmax(x: Value): Value {
  return apply(softmaxOp, [toFloat(x)], {})[0];
}
