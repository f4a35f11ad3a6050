/** Spikes of a run: the counts agree with the rates of an evaluation, with each other, and with what is shown. */
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/data-fixtures.ts';
import { untrainedRun } from '../../test/untrained-run.ts';
import { openSmear } from '../data/smear/source.ts';
import { openEvaluator } from './evaluator.ts';
import { measureSpikes } from './spikes.ts';

const folder = await temporaryFolder();
// More than one batch, and a last one that is not full.
const dataset = openSmear({ size: 16, images: { train: 8, val: 8, test: 21 } });
afterAll(() => dataset.close());
const untrained = (system: string, options: Readonly<Record<string, unknown>>) =>
  untrainedRun(folder, dataset, system, options);

const SCNN = { T: 4, threshold: 0.2 };
const BIASNN = {
  ...{ T: 3, width: 8, normalization: 'none', gamma: 'one', threshold: 0.1, attentionThreshold: 0.6 },
};

describe('measureSpikes()', () => {
  it.each([
    ['scnn', SCNN],
    ['biasnn', BIASNN],
  ])('agrees with the rates of an evaluation of %s', async (system, options) => {
    const of = await untrained(system, options);
    const { layers, accuracy, images } = await measureSpikes(of);
    const evaluation = await (await openEvaluator(of))();
    of.session.close();
    expect(images).toBe(21);
    expect(accuracy).toBeCloseTo(evaluation.accuracy, 12);
    expect(layers.map(({ layer }) => layer)).toEqual(Object.keys(evaluation.rates));
    for (const { layer, perStep } of layers) expect(perStep, layer).toBeCloseTo(evaluation.rates[layer], 6);
    expect(Math.max(...layers.map(({ perStep }) => perStep))).toBeGreaterThan(0.01);
  });

  it('shows every spike of an image: as many as were counted where it is the only one', async () => {
    const of = await untrained('scnn', { ...SCNN, beta: 0.8 });
    const single = { ...dataset, splits: { ...dataset.splits, test: only(5) } };
    const { layers, shown, output } = await measureSpikes({
      ...of,
      layers: ['lif1', 'lif2'],
      dataset: single,
    });
    const all = await measureSpikes({ ...of, layers: ['lif1', 'lif2'], image: 5 });
    of.session.close();
    expect(output).toBe('lif3');
    expect(shown.map(({ name }) => name)).toEqual([dataset.splits.test.name(5)]);
    for (const { layer, perImage, dead, saturated, shape, steps } of layers) {
      const { spikes } = shown[0].trains[layer];
      const neurons = shape.reduce((a, b) => a * b);
      const counts = Array.from({ length: neurons }, (_, i) =>
        Array.from({ length: steps }, (_, t) => spikes[t * neurons + i]).reduce((a, b) => a + b),
      );
      expect(counts.reduce((a, b) => a + b)).toBe(perImage.mean);
      expect(counts.filter((count) => count === 0)).toHaveLength(dead);
      expect(counts.filter((count) => count === steps)).toHaveLength(saturated);
    }
    expect(layers[0].perImage.mean).toBeGreaterThan(0);
    expect(all.shown).toEqual([{ ...shown[0], index: 5 }]);
  });

  it('says what an attention block suppresses: the rate of its mask', async () => {
    const of = await untrained('lasnn', BIASNN);
    const { suppressions, layers, output, shown } = await measureSpikes(of);
    of.session.close();
    const found = suppressions.map(({ block, behind, position }) => [block, behind, position]);
    expect(found).toEqual([
      ['attention2', 'block3.lif1', 5],
      ['attention4', 'block5.lif1', 9],
      ['attention6', 'block7.lif1', 13],
    ]);
    const mask = layers.find(({ layer }) => layer === 'attention2.lif');
    expect(suppressions[0].suppressed).toEqual(mask?.rates);
    expect(Math.max(...suppressions[0].suppressed)).toBeGreaterThan(0);
    expect(output).toBeNull();
    expect(Object.keys(shown[0].trains)).toEqual(['block1.lif1']);
  });

  it('refuses networks without spikes, and layers that are not there', async () => {
    const dense = await untrained('ae-cnn', {});
    await expect(measureSpikes(dense)).rejects.toThrow(
      'expected a network with spiking neurons, got ae-cnn, which has none; scnn,',
    );
    dense.session.close();
    const of = await untrained('scnn', { T: 2 });
    await expect(measureSpikes({ ...of, layers: ['lif9'] })).rejects.toThrow('they are lif1, lif2, lif3');
    of.session.close();
  });
});

/** The test split with one image. */
function only(index: number) {
  const { test } = dataset.splits;
  return { ...test, length: 1, labels: test.labels.slice(index, index + 1), ...readOne(index) };
}

function readOne(index: number) {
  const { test } = dataset.splits;
  return {
    read: (_: number, target: Uint8Array) => test.read(index, target),
    name: () => test.name(index),
  };
}
