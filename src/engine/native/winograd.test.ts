/**
 * The accuracy that native/kernels/winograd_transform.h states: errors against sums in float64 stay below 3e-6
 * of the largest result. With the textbook's points 0, ±1, ±2, or one long sum over channels, this fails.
 */
import { describe, expect, test } from 'vitest';
import { compile } from '../../compile/compile.ts';
import { apply } from '../../graph/graph.ts';
import type { Value } from '../../graph/value.ts';
import { OPS } from '../../ops/table.ts';
import { Tracing } from '../conformance/case.ts';
import type { Engine } from '../engine.ts';
import { createReferenceEngine } from '../reference.ts';
import { loadAddon } from './addon.ts';
import { createNativeEngine } from './native.ts';

const STATED = 3e-6;
const loaded = loadAddon();
const isas = 'addon' in loaded ? loaded.addon.isas() : [];
const attrs = { stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1 } as const;
const strided = { ...attrs, stride: [2, 2] } as const;

/** One convolution over hundreds of channels, or over 16384 pixels, of uniform numbers in [low, 1]. */
const PASSES: Record<string, (t: Tracing, low: number) => Value> = {
  forward: (t, low) =>
    apply(OPS.conv2d, [t.f32([1, 512, 12, 12], { low }), t.parameter([16, 512, 3, 3]), null], attrs)[0],
  'gradient of the input': (t, low) =>
    apply(OPS.conv2dGradInput, [t.f32([1, 512, 12, 12], { low }), t.parameter([512, 16, 3, 3])], {
      ...attrs,
      target: [1, 16, 12, 12],
    })[0],
  // So many weights that they are transformed for each of several blocks of tiles.
  'forward, many weights': (t, low) =>
    apply(OPS.conv2d, [t.f32([150, 362, 2, 1], { low }), t.parameter([363, 362, 3, 3]), null], attrs)[0],
  'gradient of the input, many weights': (t, low) =>
    apply(OPS.conv2dGradInput, [t.f32([150, 363, 2, 1], { low }), t.parameter([363, 362, 3, 3])], {
      ...attrs,
      target: [150, 362, 2, 1],
    })[0],
  'forward, stride 2': (t, low) =>
    apply(OPS.conv2d, [t.f32([1, 512, 24, 24], { low }), t.parameter([16, 512, 3, 3]), null], strided)[0],
  'gradient of the input, stride 2': (t, low) =>
    apply(OPS.conv2dGradInput, [t.f32([1, 512, 12, 12], { low }), t.parameter([512, 16, 3, 3])], {
      ...strided,
      target: [1, 16, 24, 24],
    })[0],
  'gradient of the weights': (t, low) =>
    apply(OPS.conv2dGradWeight, [t.f32([64, 16, 16, 16], { low }), t.f32([64, 16, 16, 16])], {
      ...attrs,
      target: [16, 16, 3, 3],
    })[0],
};

async function run(engine: Engine, tracing: Tracing): Promise<Float32Array> {
  const session = engine.createSession();
  const program = session.load(compile(tracing.graph, { prefer: 'winograd' }));
  await program.run(tracing.feeds);
  const result = Float32Array.from(program.read('result'));
  session.close();
  return result;
}

describe.skipIf(isas.length === 0)('accuracy of Winograd convolutions', () => {
  for (const [pass, trace] of Object.entries(PASSES))
    for (const low of [-1, 0])
      test(`${pass}, inputs from ${low} to 1`, async () => {
        const tracing = new Tracing(pass);
        tracing.graph.output('result', trace(tracing, low));
        const wanted = await run(createReferenceEngine(), tracing);
        const largest = Math.max(...wanted.map(Math.abs));
        for (const isa of isas) {
          const got = await run(createNativeEngine({ isa, threads: 2 }), tracing);
          const error = Math.max(...got.map((x, i) => Math.abs(x - wanted[i]))) / largest;
          expect(error, isa).toBeLessThan(STATED);
        }
      });
});
