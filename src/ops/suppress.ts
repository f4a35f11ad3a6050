/**
 * What neurons that fire suppress: y = x·(1 − s). Backwards it is straight through for x, also where y is 0, and g·x for
 * the mask. Paper (b), equation 16 and algorithm 1.
 */
import { apply } from '../graph/graph.ts';
import type { OpDef } from '../graph/op.ts';
import type { Value } from '../graph/value.ts';
import { affine, mul, toFloat } from './elementwise.ts';
import { sumTo } from './reduce.ts';
import { expectInput, expectShape } from './shapes.ts';

/** x [N, C, H, W], with time or presented at every step, spikes of the same shape → x where no spike is, else 0. */
export const suppressOp: OpDef = {
  name: 'suppress',
  infer(inputs) {
    const x = expectInput('suppress', inputs, 0, 'x', { rank: 4, dtypes: ['f32'] });
    const spikes = expectInput('suppress', inputs, 1, 'spikes', { rank: 4, dtypes: ['spike'] });
    expectShape('suppress', spikes, 'spikes', x.shape);
    return [{ ...x, time: spikes.time }];
  },
  gradient: ({ inputs: [x], grads: [g], needs }) => [
    x && g && needs(0) ? sumTo(g, x) : null,
    x && g && needs(1) ? affine(mul(g, x), -1) : null,
  ],
  reference({ inputs: [x, spikes], outputs: [y] }) {
    if (!x || !spikes || !y) return;
    for (let i = 0; i < y.data.length; i++) y.data[i] = spikes.data[i] ? 0 : x.data[i % x.data.length];
  },
};

/** `x`, with time as the spikes have, where no neuron fires. */
export function suppress(x: Value, spikes: Value): Value {
  return apply(suppressOp, [toFloat(x), spikes], {})[0];
}
