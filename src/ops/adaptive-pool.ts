/**
 * Average pooling to a given size, as PyTorch does it: output i of `out` is the mean of the elements from
 * ⌊i·n/out⌋ to ⌈(i+1)·n/out⌉ of n. Where out does not divide n the windows overlap.
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef } from '../graph/op.ts';
import type { TensorType, Value } from '../graph/value.ts';
import { elements, f32 } from '../graph/value.ts';
import { toFloat } from './elementwise.ts';
import { expectInput, pair } from './shapes.ts';

export interface AdaptivePoolAttrs {
  /** Height and width of the smaller map. */
  readonly size: readonly [number, number];
}

interface Bin {
  readonly from: number;
  readonly to: number;
}

function bin(i: number, n: number, out: number): Bin {
  return { from: Math.floor((i * n) / out), to: Math.ceil(((i + 1) * n) / out) };
}

/** Visits each element of each window: its index in the large map and in the small one, and the window's size. */
function forEachElement(
  large: readonly number[],
  [oh, ow]: readonly [number, number],
  planes: number,
  visit: (from: number, to: number, count: number) => void,
): void {
  const [, , h, w] = large;
  for (let plane = 0; plane < planes; plane++)
    for (let i = 0; i < oh; i++)
      for (let j = 0; j < ow; j++) {
        const [rows, columns] = [bin(i, h, oh), bin(j, w, ow)];
        const count = (rows.to - rows.from) * (columns.to - columns.from);
        for (let row = rows.from; row < rows.to; row++)
          for (let column = columns.from; column < columns.to; column++)
            visit((plane * h + row) * w + column, (plane * oh + i) * ow + j, count);
      }
}

const planesOf = (type: TensorType) => elements(type) / (type.shape[2] * type.shape[3]);

export const adaptiveAvgPool2dOp: OpDef<AdaptivePoolAttrs> = {
  name: 'adaptiveAvgPool2d',
  infer(inputs, { size }) {
    const x = expectInput('adaptiveAvgPool2d', inputs, 0, 'x', { rank: 4 });
    if (!size.every((n) => Number.isInteger(n) && n > 0) || x.shape.slice(2).includes(0))
      throw mismatch('adaptiveAvgPool2d()', 'maps and a size of at least 1×1', size);
    return [f32([x.shape[0], x.shape[1], ...size], x.time)];
  },
  gradient({ inputs: [x], grads: [g], attrs }) {
    return [x && g ? apply(adaptiveAvgPool2dGrad, [g], { ...attrs, source: x.shape })[0] : null];
  },
  reference({ inputs: [x], outputs: [y], attrs }) {
    if (!x || !y) return;
    const sums = new Float64Array(y.data.length);
    forEachElement(x.type.shape, attrs.size, planesOf(x.type), (from, to, count) => {
      sums[to] += x.data[from] / count;
    });
    y.data.set(sums);
  },
};

/** (g) → gradient of x. */
export const adaptiveAvgPool2dGrad: OpDef<AdaptivePoolAttrs & { readonly source: readonly number[] }> = {
  name: 'adaptiveAvgPool2dGrad',
  infer: ([g], { source }) => [f32(source, g?.time ?? null)],
  reference({ inputs: [g], outputs: [dx], attrs }) {
    if (!g || !dx) return;
    const sums = new Float64Array(dx.data.length);
    forEachElement(attrs.source, attrs.size, planesOf(g.type), (from, to, count) => {
      sums[from] += g.data[to] / count;
    });
    dx.data.set(sums);
  },
};

/** Mean of each of size × size windows, which cover the map whatever its own size is. */
export function adaptiveAvgPool2d(x: Value, size: number | readonly [number, number]): Value {
  return apply(adaptiveAvgPool2dOp, [toFloat(x)], { size: pair(size) })[0];
}
