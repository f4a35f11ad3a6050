/**
 * Min–max normalisation of each map: y = (x − min)/(max − min + ε), or 1 − that. Paper (b), equation 7 and the inversion
 * before its adaptive neurons. The gradient flows through minimum and maximum too; among equals, the first is meant.
 */
import { apply } from '../graph/graph.ts';
import type { OpDef, Tensor } from '../graph/op.ts';
import type { Value } from '../graph/value.ts';
import { size } from '../graph/value.ts';
import { toFloat } from './elementwise.ts';
import { expectInput } from './shapes.ts';

export interface MinMaxAttrs {
  readonly eps: number;
  /** 1 − y: what was largest becomes 0. */
  readonly inverted: boolean;
}

/** Calls `visit` for each map with the index of its first element and the places of its extremes. */
function forEachMap(
  x: Tensor,
  visit: (map: { first: number; pixels: number; argmin: number; argmax: number }) => void,
): void {
  const pixels = size(x.type.shape.slice(2));
  for (let first = 0; first < x.data.length; first += pixels) {
    let argmin = first;
    let argmax = first;
    for (let i = first; i < first + pixels; i++) {
      if (x.data[i] < x.data[argmin]) argmin = i;
      if (x.data[i] > x.data[argmax]) argmax = i;
    }
    visit({ first, pixels, argmin, argmax });
  }
}

/** x [N, C, H, W] → the same shape, in [0, 1]. */
export const minMaxOp: OpDef<MinMaxAttrs> = {
  name: 'minMax',
  infer: (inputs) => [{ ...expectInput('minMax', inputs, 0, 'x', { rank: 4, dtypes: ['f32'] }) }],
  gradient: ({ inputs: [x], grads: [g], attrs }) => [x && g ? apply(minMaxGrad, [x, g], attrs)[0] : null],
  reference({ inputs: [x], outputs: [y], attrs: { eps, inverted } }) {
    if (!x || !y) return;
    forEachMap(x, ({ first, pixels, argmin, argmax }) => {
      const [low, range] = [x.data[argmin], x.data[argmax] - x.data[argmin] + eps];
      for (let i = first; i < first + pixels; i++) {
        const share = (x.data[i] - low) / range;
        y.data[i] = inverted ? 1 - share : share;
      }
    });
  },
};

/** (x, g) → dx. */
export const minMaxGrad: OpDef<MinMaxAttrs> = {
  name: 'minMaxGrad',
  infer: (inputs) => [{ ...expectInput('minMaxGrad', inputs, 0, 'x', { rank: 4 }) }],
  reference({ inputs: [x, g], outputs: [dx], attrs: { eps, inverted } }) {
    if (!x || !g || !dx) return;
    const sign = inverted ? -1 : 1;
    forEachMap(x, ({ first, pixels, argmin, argmax }) => {
      const [low, range] = [x.data[argmin], x.data[argmax] - x.data[argmin] + eps];
      let sum = 0;
      let moment = 0;
      for (let i = first; i < first + pixels; i++) {
        sum += g.data[i];
        moment += g.data[i] * (x.data[i] - low);
      }
      for (let i = first; i < first + pixels; i++) {
        const ofLow = i === argmin ? moment / range ** 2 - sum / range : 0;
        const ofHigh = i === argmax ? moment / range ** 2 : 0;
        dx.data[i] = sign * (g.data[i] / range + ofLow - ofHigh);
      }
    });
  },
};

/** Each map stretched to [0, 1], or turned over. */
export function minMax(x: Value, { eps = 1e-6, inverted = false }: Partial<MinMaxAttrs> = {}): Value {
  return apply(minMaxOp, [toFloat(x)], { eps, inverted })[0];
}
