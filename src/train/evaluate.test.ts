/** Evaluation: a last batch that is not full changes no figure. */
import { describe, expect, it } from 'vitest';
import { memorySource, noise } from '../../test/data-fixtures.ts';
import type { Dataset } from '../data/dataset.ts';
import { createReferenceEngine } from '../engine/reference.ts';
import { centred } from '../explain/small-networks.ts';
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

const SCNN = { T: 3, beta: 0.5, threshold: 0.2 };

function evaluator(batchSize: number, system = findSystem('scnn'), options: object = SCNN) {
  const spec = { system, options, classes: 3, seed: 1 };
  const shape = { height: SIDE, width: SIDE, channels: 1 };
  const session = createReferenceEngine().createSession();
  const program = session.load(evaluationStep({ ...spec, ...shape }, system.training, batchSize).plan);
  const remainder = (images: number) =>
    session.load(evaluationStep({ ...spec, ...shape }, system.training, images).plan);
  return { session, run: () => evaluate({ session, program, remainder, dataset, split: 'test', seed: 0 }) };
}

const mean = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;

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

  it('gives the same figures and rates where the last batch is not full', async () => {
    const single = await evaluator(1).run();
    const parted = await evaluator(3).run();
    expect(parted.predictions.scores).toEqual(single.predictions.scores);
    expect(parted.accuracy).toBe(single.accuracy);
    for (const [layer, rate] of Object.entries(single.rates))
      expect(parted.rates[layer]).toBeCloseTo(rate, 6);
  });

  it('shows images that see each other nothing but images', async () => {
    const { session, run } = evaluator(3, centred, {});
    const { scores } = (await run()).predictions;
    // By hand: p = softmax(W(x − mean of the batch) + b), of three images and of two.
    const [weights, bias] = ['fc.weight', 'fc.bias'].map((name) => session.readVariable(name));
    const area = SIDE * SIDE;
    const wanted = [images.slice(0, 3), images.slice(3)].flatMap((batch) =>
      batch.flatMap((image) => {
        const above = Array.from(image, (x, i) => x / 255 - mean(batch.map((other) => other[i] / 255)));
        const logits = [0, 1, 2].map((k) =>
          above.reduce((sum, x, i) => sum + weights[k * area + i] * x, bias[k]),
        );
        const total = logits.reduce((sum, z) => sum + Math.exp(z), 0);
        return logits.map((z) => Math.exp(z) / total);
      }),
    );
    expect(scores).toHaveLength(wanted.length);
    for (const [i, p] of wanted.entries()) expect(scores[i]).toBeCloseTo(p, 5);
  });

  it('carries adaptation to a last batch that is not full, and starts each pass anew', async () => {
    const biasnn = (batchSize: number) =>
      evaluator(batchSize, findSystem('biasnn'), { ...SMALL, T: 2, width: 8, reduction: 4 });
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
    const { session, run } = evaluator(2, findSystem('ae-cnn'), {});
    session.writeVariable('fc1.weight', session.readVariable('fc1.weight').fill(Number.NaN));
    await expect(run()).rejects.toThrow(
      /evaluate\(test\): expected finite .* from fc1 \(dense\); .*lower --lr/,
    );
  });
});
