/** Updates against PyTorch 1.13 in doubles: four steps from [1, −2, 0.5] with given gradients, lr 0.1. */
import { expect, it } from 'vitest';
import { compile } from '../compile/compile.ts';
import { createReferenceEngine } from '../engine/reference.ts';
import { f32 } from '../graph/value.ts';
import { optimizerSchema } from '../models/settings.ts';
import { FRAMEWORKS, Net } from '../nn/net.ts';
import { applyOptimizer } from './optimizer.ts';

const GOLDEN: [object, number[]][] = [
  [{ kind: 'sgd' }, [0.7, -1.96, 0.52]],
  [{ kind: 'sgd', momentum: 0.9 }, [0.44323, -1.90951, 0.34207]],
  [
    { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0.05 },
    [0.146783483, -1.760531958, 0.355507423],
  ],
  [{ kind: 'adam' }, [0.611640656, -1.60000004, 0.299430304]],
  [
    { kind: 'adam', weightDecay: 0.05, beta1: 0.8, beta2: 0.99, eps: 1e-3 },
    [0.600731737, -1.603262337, 0.315924249],
  ],
  [{ kind: 'adamw', weightDecay: 0.05 }, [0.594724439, -1.563289053, 0.292025695]],
];

async function expectSteps(framework: 'torch' | 'keras', optimizer: object, expected: readonly number[]) {
  const net = new Net({ framework, training: true, seed: 0 });
  const parameter = net.parameter('p', [3], () => Float32Array.of(1, -2, 0.5));
  const g = net.graph.input('g', f32([3]));
  applyOptimizer(
    net.graph,
    new Map([[parameter, g]]),
    optimizerSchema.parse(optimizer),
    FRAMEWORKS[framework],
  );
  const session = createReferenceEngine({ precision: 'f64' }).createSession();
  const program = session.load(compile(net.graph));
  for (let t = 0; t < 4; t++)
    await program.run({
      g: Float32Array.of(0.3 * (t + 1), -0.1, 0.7 - 0.5 * t),
      lr: Float32Array.of(0.1),
      step: Int32Array.of(t + 1),
    });
  session.readVariable('p').forEach((x, i) => {
    expect(x).toBeCloseTo(expected[i], 6);
  });
}

it.each(GOLDEN)('%j', (optimizer, expected) => expectSteps('torch', optimizer, expected));

it('adds ε where Keras does: p ← p − lr·√(1 − β₂ᵗ)/(1 − β₁ᵗ)·m/(√v + ε)', () =>
  expectSteps('keras', { kind: 'adam', eps: 1e-2 }, [0.73044625, -1.87097604, 0.362135065]));
