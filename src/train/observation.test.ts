/** Values inside a network, held against what can be said of them without looking. */
import { describe, expect, it } from 'vitest';
import { differentiate } from '../compile/differentiate.ts';
import { createReferenceEngine } from '../engine/reference.ts';
import { f32 } from '../graph/value.ts';
import { findSystem } from '../models/registry.ts';
import { mul } from '../ops/elementwise.ts';
import { reduceMean, reduceSum } from '../ops/reduce.ts';
import { random } from '../random.ts';
import { type Observer, observationStep } from './observation.ts';
import { evaluationStep, type NetworkSpec, rateOutput } from './step.ts';

const BATCH = 2;
const SIDE = 8;

function specOf(system: string, options: object): NetworkSpec {
  return {
    system: findSystem(system),
    ...{ options, classes: 3, height: SIDE, width: SIDE, channels: 3, seed: 4 },
  };
}

const draw = random(7, 'observation');
const images = Float32Array.from({ length: BATCH * 3 * SIDE * SIDE }, () => draw.uniform(0, 3));

async function observed(spec: NetworkSpec, observer: Observer, feeds = {}) {
  const session = createReferenceEngine().createSession();
  const program = session.load(observationStep(spec, BATCH, observer).plan);
  await program.run({ images, ...feeds });
  return { session, read: (name: string) => [...program.read(name)] };
}

describe('observationStep()', () => {
  it('shows rates step by step that make the rate of evaluation together', async () => {
    const spec = specOf('scnn', { T: 3 });
    const { read } = await observed(spec, ({ net }) =>
      Object.fromEntries(
        [...net.spikes].map(([layer, x]) => [layer, reduceMean(x, { axes: x.shape.map((_, i) => i) })]),
      ),
    );
    const session = createReferenceEngine().createSession();
    const program = session.load(evaluationStep(spec, spec.system.training, BATCH).plan);
    await program.run({ images, labels: new Int32Array(BATCH) });
    for (const layer of ['lif1', 'lif2', 'lif3']) {
      const rates = read(layer);
      expect(rates).toHaveLength(3);
      const mean = rates.reduce((sum, rate) => sum + rate, 0) / 3;
      expect(mean).toBeCloseTo(program.read(rateOutput(layer))[0], 6);
    }
    expect(Math.max(...read('lif1'))).toBeGreaterThan(0);
    expect(read('probabilities')).toEqual([...program.read('probabilities')]);
  });

  it('gives the gradient of a score by what a layer gives', async () => {
    const spec = specOf('ae-cnn', {});
    const wanted = 1;
    const target = Float32Array.from({ length: BATCH * 3 }, (_, i) => Number(i % 3 === wanted));
    const { session, read } = await observed(
      spec,
      ({ net, logits, layers }) => {
        const fc1 = layers.get('fc1');
        if (!fc1) throw new Error([...layers.keys()].join());
        const score = reduceSum(mul(logits, net.graph.input('target', f32(logits.shape))), { axes: [0, 1] });
        return { fc1, gradient: differentiate(score, [fc1]).get(fc1) ?? fc1 };
      },
      { target },
    );
    const gradient = read('gradient');
    const shown = read('fc1');
    const units = shown.length / BATCH;
    const weights = session.readVariable('fc2.weight');
    // Behind fc1 are a ReLU and fc2.
    const expected = shown.map((x, i) => (x > 0 ? weights[wanted * units + (i % units)] : 0));
    gradient.forEach((g, i) => {
      expect(g).toBeCloseTo(expected[i], 6);
    });
    expect(expected.some((g) => g !== 0)).toBe(true);
  });
});
