/** The report of energy: what is drawn and said of a spiking run, and of a dense one beside it. */
import { expect, test } from 'vitest';
import { expectAccessible } from '../../test/accessible.ts';
import { energyRows, energyTotals } from '../measure/energy.ts';
import { findSystem } from '../models/registry.ts';
import { layerEnergy, type NetworkEnergy, type RunEnergy, traceWorkload } from '../train/energy.ts';
import { energyFigures, renderEnergy } from './energy-report.ts';

const milliseconds = { median: 2.5, mean: 2.6, p25: 2, p75: 3, p95: 4, runs: 9 };

function network(name: string, twin = false): NetworkEnergy & { warnings: readonly string[] } {
  const shape = { height: 16, width: 16, channels: 3, classes: 4 };
  const { work, steps, warnings } = traceWorkload({
    system: findSystem(name),
    options: {},
    ...shape,
    seed: 0,
    twin,
  });
  const rows = energyRows(work, { rateInto: () => 0.125, spikesOf: () => 100 }, { steps });
  return { layers: rows.map(layerEnergy), totals: energyTotals(rows), macs: 1, milliseconds, warnings };
}

const { warnings, ...own } = network('scnn');
const spiking: RunEnergy = {
  ...{ images: 10, accuracy: 0.9, steps: 10, network: own, everyStep: own.totals, warnings },
  spikes: {
    ...{ perImage: 300, joulesPerImage: 3e-7, joulesPerSplit: 3e-6 },
    epochs: { epochs: 2, each: [0.6, 0.4], mean: 0.5, least: 0.4, most: 0.6, total: 1 },
  },
  twin: network('scnn', true),
};
const dense: RunEnergy = {
  ...{ images: 10, accuracy: 0.9, steps: 1, network: network('ae-cnn'), spikes: null, twin: null },
  ...{ everyStep: network('ae-cnn').totals, warnings: ['folded'] },
};
const about = { data: 'cells, test', split: 'test', machine: 'a <processor>', onChip: null };

test('a spiking run is set beside its twin, layer by layer, with the formulae', async () => {
  const runs = [{ name: 'one', energy: spiking }];
  const figures = await energyFigures({ runs });
  expect(figures.map(({ slug }) => slug)).toEqual(['energy', 'energy-parts', 'energy-epochs']);
  expect(figures[0].description).toMatch(
    /^one: 1 nJ a spike 300\snJ, operations, 45 nm .*one, dense twin: operations/,
  );
  expect(figures[2].description).toContain('2 epochs, 400\u00a0mJ to 0.600\u00a0J');
  const page = renderEnergy({ ...about, runs }, figures).replaceAll('\u00a0', ' ');
  expectAccessible(page);
  expect(page).not.toMatch(/NaN|undefined|Infinity|<processor>/);
  expect(page).toMatch(/conv2<.*?>spikes<.*?0\.1250</);
  expect(page).toMatch(/lif1<.*?LIF</);
  expect(page).toContain('3.7 pJ · multiplications + 0.9 pJ · additions');
  expect(page).toContain('all of it on the chip');
  expect(renderEnergy({ ...about, onChip: 512, runs }, figures)).toContain(
    'larger than 512 KiB lies in DRAM',
  );
});

test('a dense run has neither spikes nor twin, alone and beside a spiking one', async () => {
  const alone = [{ name: 'two', energy: dense }];
  const own = await energyFigures({ runs: alone });
  expect(own).toHaveLength(2);
  const page = renderEnergy({ ...about, runs: alone }, own);
  expect(page).not.toMatch(/id="spikes"|NaN|twin op\./);
  expect(page).toContain('folded');
  const both = [{ name: 'one', energy: spiking }, ...alone];
  const figures = await energyFigures({ runs: both });
  expect(renderEnergy({ ...about, runs: both }, figures)).toContain('two: folded');
});
