/**
 * The Inception network of paper (c): a small Inception-v4 without its final mean.
 *
 *   conv 32, 64 /2, 96 → 2 × A → reduction A → 3 × B → reduction B → C → flatten → dropout → dense K
 *
 * Every convolution is followed by BatchNorm and ReLU. Blocks join the branches that are listed below; kernels are
 * [rows, columns].
 */
import { z } from 'zod';
import type { Value } from '../graph/value.ts';
import { convNorm } from '../nn/conv-norm.ts';
import { dense, dropout } from '../nn/layers.ts';
import type { Net } from '../nn/net.ts';
import { concat } from '../ops/concat.ts';
import { avgPool2d } from '../ops/pool.ts';
import { flatten } from '../ops/reduce.ts';
import { bloodSettings } from './blood-settings.ts';
import { defineSystem } from './system.ts';

/** One convolution: filters, kernel, and stride 1 unless given. */
type Unit = readonly [filters: number, kernel: readonly [number, number], stride?: number];
/** Convolutions in a row behind an optional mean pool; at the end they may fork into several. */
interface Branch {
  /** Stride of a 3×3 mean pool. */
  readonly pool?: number;
  readonly units: readonly Unit[];
  readonly fork?: readonly Unit[];
}

const ONE = [1, 1] as const;
const THREE = [3, 3] as const;
const ROW = [1, 7] as const;
const COLUMN = [7, 1] as const;
const SHORT_ROW = [1, 3] as const;
const SHORT_COLUMN = [3, 1] as const;

const A: readonly Branch[] = [
  { pool: 1, units: [[96, ONE]] },
  { units: [[96, ONE]] },
  {
    units: [
      [64, ONE],
      [96, THREE],
    ],
  },
  {
    units: [
      [64, ONE],
      [96, THREE],
      [96, THREE],
    ],
  },
];
const REDUCTION_A: readonly Branch[] = [
  { pool: 2, units: [] },
  { units: [[96, THREE, 2]] },
  {
    units: [
      [64, ONE],
      [96, THREE, 2],
    ],
  },
];
const B: readonly Branch[] = [
  { pool: 1, units: [[128, ONE]] },
  { units: [[384, ONE]] },
  {
    units: [
      [192, ONE],
      [224, ROW],
      [256, COLUMN],
    ],
  },
  {
    units: [
      [192, ONE],
      [192, ROW],
      [224, COLUMN],
      [224, ROW],
      [256, COLUMN],
    ],
  },
];
const REDUCTION_B: readonly Branch[] = [
  { pool: 2, units: [] },
  {
    units: [
      [128, ONE],
      [192, THREE, 2],
    ],
  },
  {
    units: [
      [128, ONE],
      [128, ROW],
      [128, COLUMN],
      [192, THREE, 2],
    ],
  },
];
const C: readonly Branch[] = [
  { pool: 1, units: [[256, ONE]] },
  { units: [[256, ONE]] },
  {
    units: [[384, ONE]],
    fork: [
      [256, SHORT_ROW],
      [256, SHORT_COLUMN],
    ],
  },
  {
    units: [
      [384, ONE],
      [448, SHORT_ROW],
      [512, SHORT_COLUMN],
    ],
    fork: [
      [256, SHORT_COLUMN],
      [256, SHORT_ROW],
    ],
  },
];

function unit(net: Net, id: string | number, x: Value, [filters, kernel, stride = 1]: Unit): Value {
  return convNorm(net, id, x, { filters, kernel, stride });
}

function block(net: Net, name: string, x: Value, branches: readonly Branch[]): Value {
  const branch = ({ pool, units, fork }: Branch): Value[] => {
    let y = pool ? avgPool2d(x, { kernel: 3, stride: pool, padding: 'same', countPadding: false }) : x;
    for (const [i, each] of units.entries()) y = unit(net, i + 1, y, each);
    return fork ? fork.map((each, i) => unit(net, `fork${i + 1}`, y, each)) : [y];
  };
  return net.layer(name, () =>
    concat(
      branches.flatMap((each, i) => net.layer(`branch${i + 1}`, () => branch(each))),
      1,
    ),
  );
}

export const inception = defineSystem({
  name: 'inception',
  title: 'Inception',
  summary: 'small Inception-v4',
  source: 'paper (c), table 3',
  reported: '15.59M',
  framework: 'keras',
  size: 64,
  options: z.strictObject({ dropout: z.number().min(0).lt(1).default(0.2) }),
  training: bloodSettings('sgd'),
  build(net, { image, classes }, o) {
    let x = unit(net, 1, image, [32, THREE]);
    x = unit(net, 2, x, [64, THREE, 2]);
    x = unit(net, 3, x, [96, THREE]);
    for (const name of ['a1', 'a2']) x = block(net, name, x, A);
    x = block(net, 'reduction-a', x, REDUCTION_A);
    for (const name of ['b1', 'b2', 'b3']) x = block(net, name, x, B);
    x = block(net, 'reduction-b', x, REDUCTION_B);
    x = block(net, 'c1', x, C);
    return dense(net, 'fc', dropout(net, flatten(x), o.dropout), { units: classes });
  },
});
