/** Memory stays flat over 1,000 training steps: heap, and resident memory of the process. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { openEngine } from '../src/engine/select.ts';
import { findSystem } from '../src/models/registry.ts';
import { random } from '../src/random.ts';
import { trainingStep } from '../src/train/step.ts';

const MIB = 2 ** 20;

function memory(collect: () => void): { heap: number; resident: number } {
  collect();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { heap: heapUsed + arrayBuffers, resident: rss };
}

it.each([
  ['scnn', { T: 4 }],
  ['ae-cnn', {}],
])(
  '%s',
  async (name, options) => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const system = findSystem(name);
    const spec = { system, options, classes: 8, height: 16, width: 16, channels: 3, seed: 1 };
    const session = openEngine().createSession();
    const programs = [8, 5].map((n) => session.load(trainingStep(spec, system.training, n, null).plan));
    const draw = random(2, 'memory');
    const images = Float32Array.from({ length: 8 * 3 * 16 * 16 }, () => draw.uniform());
    const step = async (i: number) => {
      const program = programs[i % 2];
      const n = program.plan.inputs.get('images')?.shape[0] ?? 0;
      await program.run({
        images: images.subarray(0, n * 3 * 16 * 16),
        labels: new Int32Array(n),
        lr: Float32Array.of(1e-4),
        step: Int32Array.of(i + 1),
        rng: Int32Array.of(1, i),
      });
      program.read('probabilities');
    };
    for (let i = 0; i < 200; i++) await step(i);
    const before = memory(collect);
    for (let i = 200; i < 1200; i++) await step(i);
    const after = memory(collect);
    session.close();
    expect(after.heap - before.heap).toBeLessThan(0.5 * MIB);
    expect(after.resident - before.resident).toBeLessThan(6 * MIB);
  },
  120_000,
);
