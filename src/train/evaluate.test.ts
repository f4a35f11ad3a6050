/** Evaluation: batches that are not full change no figure. */
import { describe, expect, it } from 'vitest';
import { memorySource, noise } from '../../test/data-fixtures.ts';
import type { Dataset } from '../data/dataset.ts';
import { createReferenceEngine } from '../engine/reference.ts';
import { findSystem } from '../models/registry.ts';
import { evaluate, evaluationBatch } from './evaluate.ts';
import { evaluationStep } from './step.ts';

const SIDE = 8;
const SMALL = { normalization: 'none', gamma: 'one', threshold: 0.1 };
const IMAGES = 5;
const images = Array.from({ length: IMAGES }, (_, i) => noise(SIDE * SIDE, i));
const test = memorySource(images, [0, 1, 2, 0, 1]);
const dataset: Dataset = {
  name: 'noise',
  classes: ['a', 'b', 'c'],
  height: SIDE,
  width: SIDE,
  channels: 1,
  splits: { train: test, val: test, test },
  fingerprint: '',
  close: async () => {},
};

function evaluator(batchSize: number, name = 'scnn', options: object = { T: 3, beta: 0.5, threshold: 0.2 }) {
  const system = findSystem(name);
  const spec = { system, options, classes: 3, seed: 1 };
  const shape = { height: SIDE, width: SIDE, channels: 1 };
  const session = createReferenceEngine().createSession();
  const program = session.load(evaluationStep({ ...spec, ...shape }, system.training, batchSize).plan);
  const remainder = (images: number) =>
    session.load(evaluationStep({ ...spec, ...shape }, system.training, images).plan);
  return { session, run: () => evaluate({ session, program, remainder, dataset, split: 'test', seed: 0 }) };
}

describe('evaluate', () => {
  it('takes a small split as one full batch, a large one in batches of 64', () => {
    expect([0, 1, 5, 64, 65].map(evaluationBatch)).toEqual([1, 1, 5, 64, 64]);
  });

  it('gives the same figures and rates whole and image by image', async () => {
    const single = await evaluator(1).run();
    const whole = await evaluator(evaluationBatch(IMAGES)).run();
    expect(whole.predictions.scores).toEqual(single.predictions.scores);
    expect(whole.loss).toBeCloseTo(single.loss, 12);
    expect(whole.rates.lif1).toBeGreaterThan(0);
    for (const [layer, rate] of Object.entries(single.rates)) expect(whole.rates[layer]).toBeCloseTo(rate, 6);
  });

  it('throws the padding of a last batch away', async () => {
    const single = await evaluator(1).run();
    const padded = await evaluator(3).run();
    expect(padded.predictions.scores).toEqual(single.predictions.scores);
    expect(padded.accuracy).toBe(single.accuracy);
  });

  it('does not pad where images of a batch see each other, and starts each pass anew', async () => {
    const biasnn = (batchSize: number) =>
      evaluator(batchSize, 'biasnn', { ...SMALL, T: 2, width: 8, reduction: 4 });
    const { session, run } = biasnn(3);
    const first = await run();
    const name = session.variableNames.find((each) => each.endsWith('adaptation')) ?? '';
    expect(session.readVariable(name).some((a) => a > 0)).toBe(true);
    expect((await run()).predictions.scores).toEqual(first.predictions.scores);
    // By hand: three images, then two, with the adaptation carried on.
    const three = await biasnn(3).run();
    const whole = await biasnn(5).run();
    expect(three.predictions.scores).toEqual(first.predictions.scores);
    expect(whole.predictions.scores).not.toEqual(first.predictions.scores);
  });

  it('names the layer where a probability is not finite', async () => {
    const { session, run } = evaluator(2, 'ae-cnn', {});
    session.writeVariable('fc1.weight', session.readVariable('fc1.weight').fill(Number.NaN));
    await expect(run()).rejects.toThrow(
      /evaluate\(test\): expected finite .* from fc1 \(dense\); .*lower --lr/,
    );
  });
});
