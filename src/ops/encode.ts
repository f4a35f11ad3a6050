/**
 * Turning images into spike trains. (Direct coding needs no op: the image is the current of every step.)
 *
 * rate: S[t] = 1 with probability x, drawn anew at each step.
 * latency: one spike, the earlier the larger x; x = 1 fires at step 0, x → 0 at the last step, and x below
 * `threshold` never. Linear code: t = round((T − 1)·(1 − x)).
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef } from '../graph/op.ts';
import type { TensorType, Value } from '../graph/value.ts';
import { noise, probability24 } from './noise.ts';
import { expectInput, expectShape } from './shapes.ts';

export interface RateEncodeAttrs {
  readonly steps: number;
  readonly stream: number;
}

export interface LatencyEncodeAttrs {
  readonly steps: number;
  readonly threshold: number;
}

function inferTrain(op: string, inputs: readonly (TensorType | null)[], steps: number): TensorType {
  const x = expectInput(op, inputs, 0, 'x');
  if (x.time !== null) throw mismatch(`${op}()`, 'a value without time', `T=${x.time}`);
  if (!Number.isInteger(steps) || steps < 1) throw mismatch(`${op}()`, 'one or more time steps', steps);
  return { ...x, dtype: 'spike', time: steps };
}

/** (x in [0, 1], rng i32 [2]) → spikes. */
export const rateEncodeOp: OpDef<RateEncodeAttrs> = {
  name: 'rateEncode',
  // What is drawn for an element depends on its index.
  couplesRows: () => true,
  infer(inputs, { steps }) {
    expectShape('rateEncode', inputs[1], 'rng (seed, step)', [2]);
    return [inferTrain('rateEncode', inputs, steps)];
  },
  gradient: () => [null, null],
  reference({ inputs: [x, rng], outputs: [y], attrs }) {
    if (!x || !rng || !y) return;
    const draw = noise(rng.data[0], rng.data[1], attrs.stream);
    const n = x.data.length;
    for (let i = 0; i < y.data.length; i++) y.data[i] = draw(i) < probability24(x.data[i % n]) ? 1 : 0;
  },
};

/** (x in [0, 1]) → spikes, at most one an element. */
export const latencyEncodeOp: OpDef<LatencyEncodeAttrs> = {
  name: 'latencyEncode',
  infer: (inputs, { steps }) => [inferTrain('latencyEncode', inputs, steps)],
  gradient: () => [null],
  reference({ inputs: [x], outputs: [y], attrs: { steps, threshold } }) {
    if (!x || !y) return;
    y.data.fill(0);
    for (let i = 0; i < x.data.length; i++) {
      if (!(x.data[i] >= threshold)) continue;
      const late = Math.fround((steps - 1) * Math.fround(1 - x.data[i]));
      const step = Math.min(steps - 1, Math.max(0, Math.floor(Math.fround(late + 0.5))));
      y.data[step * x.data.length + i] = 1;
    }
  },
};

export function rateEncode(x: Value, rng: Value, attrs: RateEncodeAttrs): Value {
  return apply(rateEncodeOp, [x, rng], attrs)[0];
}

export function latencyEncode(x: Value, attrs: LatencyEncodeAttrs): Value {
  return apply(latencyEncodeOp, [x], attrs)[0];
}
