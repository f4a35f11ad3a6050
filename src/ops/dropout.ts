/** Inverted dropout: each element is zeroed with probability `rate`, the others are scaled by 1/(1 − rate). */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef } from '../graph/op.ts';
import type { Value } from '../graph/value.ts';
import { toFloat } from './elementwise.ts';
import { noise, probability24 } from './noise.ts';
import { expectInput, expectShape } from './shapes.ts';

export interface DropoutAttrs {
  readonly rate: number;
  /** Number of the op among those that draw, so that no two draw the same. */
  readonly stream: number;
}

/** (x, rng i32 [2] = seed and step) → y. The mask is drawn again on the way back, not stored. */
export const dropoutOp: OpDef<DropoutAttrs> = {
  name: 'dropout',
  // What is drawn for an element depends on its index.
  couplesRows: () => true,
  infer(inputs, { rate }) {
    const x = expectInput('dropout', inputs, 0, 'x');
    expectShape('dropout', inputs[1], 'rng (seed, step)', [2]);
    if (!(rate >= 0 && rate < 1)) throw mismatch('dropout()', 'a rate in [0, 1)', rate);
    return [{ ...x }];
  },
  gradient({ inputs: [, rng], grads: [g], attrs }) {
    return [g && rng ? apply(dropoutOp, [g, rng], attrs)[0] : null, null];
  },
  reference({ inputs: [x, rng], outputs: [y], attrs }) {
    if (!x || !rng || !y) return;
    const draw = noise(rng.data[0], rng.data[1], attrs.stream);
    const limit = probability24(attrs.rate);
    const scale = Math.fround(1 / (1 - attrs.rate));
    for (let i = 0; i < y.data.length; i++) y.data[i] = draw(i) >= limit ? x.data[i] * scale : 0;
  },
};

/** `rng` is the graph's input of seed and step. */
export function dropout(x: Value, rng: Value, rate: number, stream: number): Value {
  return rate === 0 ? x : apply(dropoutOp, [toFloat(x), rng], { rate, stream })[0];
}
