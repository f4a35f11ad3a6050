/** The report of spikes from counts made by hand: what is drawn, what is said, and that names cannot break it. */
import { expect, test } from 'vitest';
import { expectAccessible } from '../../test/accessible.ts';
import { outputRaster, SpikeTally, suppressions } from '../measure/spikes.ts';
import type { RunSpikes, ShownImage } from '../train/spikes.ts';
import { busiestMaps } from './figures/feature-maps.ts';
import { rasterFigure } from './figures/raster-figure.ts';
import { allFigures, renderSpikes, type SpikingRun, spikesFigures } from './spikes-report.ts';

const classes = ['a', '<b>', 'c'];
const shape = { height: 2, width: 2, channels: 3 };

function counted(
  layer: string,
  of: readonly number[],
  perNeuron: readonly number[],
  perStep: readonly number[],
) {
  const tally = new SpikeTally(layer, of, perStep.length);
  tally.add(perStep, perNeuron);
  return tally.result();
}

const layers = [
  counted('lif1', [2, 1, 2], [2, 1, 0, 0], [1, 2]),
  counted('attention.lif', [2, 1, 2], [0, 0, 1, 0], [0, 1]),
  counted('lif2', [3], [0, 2, 1], [1, 2]),
];

const image: ShownImage = {
  ...{ index: 0, name: 'test/x"1.png', label: 0, predicted: 1, probabilities: [0.2, 0.5, 0.3] },
  trains: {
    lif1: { shape: [2, 1, 2], steps: 2, spikes: Uint8Array.of(1, 0, 0, 0, 1, 1, 0, 0) },
    lif2: { shape: [3], steps: 2, spikes: Uint8Array.of(0, 1, 0, 0, 1, 1) },
  },
};

const spikes: RunSpikes = {
  ...{ images: 1, accuracy: 0, layers, output: 'lif2', shown: [image] },
  suppressions: suppressions(layers, new Map([['attention.lif', 'attention']])),
};
const run: SpikingRun = { name: 'one <i>', spikes, shape, pictures: [new Uint8Array(12).fill(128)] };
const page = (...runs: SpikingRun[]) => ({ runs, data: 'cells, test', classes });

test('a run has rates, blocks, a raster and maps, on a page that loads nothing', async () => {
  const figures = await spikesFigures(page(run));
  expect(allFigures(figures).map(({ slug }) => slug)).toEqual([
    'firing-rates',
    'suppression',
    'output-raster',
    'feature-maps-lif1-1',
  ]);
  const text = renderSpikes(page(run), figures);
  expectAccessible(text);
  expect(text).not.toMatch(/<i>|<b>|NaN|undefined/);
  for (const [, address] of text.matchAll(/\b(?:src|href)="([^"]*)"/g))
    expect(address).toMatch(/^(#|data:image\/png;base64,)/);
  // lif1: 3 spikes of 4 neurons in 2 steps; 2 neurons and 1 map never fire, 1 neuron always does.
  expect(text).toMatch(
    /2×1×2<.*?0\.3750<.*?0\.750<.*?3\.00 \(3–3\)<.*?2 \(50\.0\s%\)<.*?1 \(25\.0\s%\)<.*?1 of 2/,
  );
  expect(text).toMatch(/attention, suppressed<.*?0\.00<.*?25\.00<.*?12\.50/);
  expect(text).toContain('lif2 (LIF layer 2), fires');
});

test('several runs stand side by side; one without blocks and output has no such figures', async () => {
  const plain = {
    ...run,
    name: 'two',
    spikes: { ...spikes, output: null, suppressions: [], shown: [] },
    pictures: [],
  };
  const slugs = allFigures(await spikesFigures(page(run, plain))).map(({ slug }) => slug);
  expect(slugs).toEqual([
    ...['firing-rates-1', 'firing-rates-2', 'suppression', 'output-raster-1'],
    'feature-maps-1-lif1-1',
  ]);
  const alone = await spikesFigures(page(plain));
  expect(allFigures(alone)).toHaveLength(1);
  expect(renderSpikes(page(plain), alone)).not.toContain('id="raster"');
});

test('the busiest maps are taken, in the order of their numbers', () => {
  const twoSteps = Uint8Array.of(0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 0);
  expect(busiestMaps(twoSteps, [3, 1, 2], 2)).toEqual([1, 2]);
  expect(busiestMaps(new Uint8Array(6), [3, 1, 2], 2)).toEqual([0, 1]);
});

test('of very many classes the raster has those that fire, and the true one', () => {
  const many = Array.from({ length: 100 }, (_, k) => `class ${k}`);
  const fired = Uint8Array.from(many, (_, k) => Number(k >= 60 && k < 90));
  const raster = outputRaster(fired, many.length);
  const figure = rasterFigure('raster', 'run', many, [{ name: 'x', label: 7, predicted: 60, raster }]);
  const rows = JSON.stringify(figure.spec).match(/"domain":\["class[^\]]*\]/)?.[0] ?? '';
  const shown = [7, ...Array.from({ length: 19 }, (_, i) => 60 + i)].map((k) => `"class ${k}"`);
  expect(rows).toBe(`"domain":[${shown.join()}]`);
  expect(figure.description).toContain('class 7, taken for class 60');
});
