/** `soma spikes` and `soma energy` on runs as a user has them: what is printed, what is left behind, what is refused. */
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { parseCsv } from '../src/csv.ts';
import { json, soma } from './cli.ts';
import { temporaryFolder } from './data-fixtures.ts';

const folder = await temporaryFolder();
const at = (...parts: string[]) => join(folder, ...parts);

beforeAll(async () => {
  const counts = ['--train', '32', '--val', '8', '--test', '16'];
  await json('data', 'synth', at('smear'), '--size', '16', ...counts, '--seed', '3');
  const common = ['--data', at('smear'), '--size', '16', '--epochs', '1', '--runs-dir', at('runs')];
  for (const args of [['scnn', '--lr', '1e-3', '--set', 'T=4', '--set', 'threshold=0.3'], ['ae-cnn']]) {
    const { code, stderr } = await soma('train', ...args, ...common, '--name', args[0]);
    expect(code, stderr).toBe(0);
  }
}, 60_000);

it('spikes agrees with the rates of evaluate, and leaves a report, figures and numbers', async () => {
  const { rates } = JSON.parse(readFileSync(at('runs', 'scnn', 'evaluation.json'), 'utf8'));
  const { runs, report } = await json('spikes', at('runs', 'scnn'), '--layers', 'lif2', '--format', 'csv');
  const [{ layers, shown, output, all }] = runs;
  expect(layers.map(({ layer }: { layer: string }) => layer)).toEqual(['lif1', 'lif2', 'lif3']);
  for (const { layer, perStep, perSample } of layers) {
    expect(perStep).toBeCloseTo(rates[layer], 6);
    expect(perSample).toBeCloseTo(4 * perStep, 12);
  }
  expect([output, layers[0].rates.length]).toEqual(['lif3', 4]);
  expect(all.neurons).toBe(64 * 8 * 8 + 128 * 4 * 4 + 8);
  for (const { winner, predicted } of shown) expect(winner).toBe(predicted);
  const left = readdirSync(at('runs', 'scnn', 'spikes'));
  const table = (name: string) =>
    parseCsv(readFileSync(at('runs', 'scnn', 'spikes', `tables-${name}.csv`), 'utf8'), name);
  expect(table('layers').map(([run, layer]) => `${run} ${layer}`)).toEqual([
    ...['run layer', 'scnn lif1', 'scnn lif2', 'scnn lif3'],
  ]);
  expect(table('layers')[1][3]).toBe(`${layers[0].perStep}`);
  expect(
    table('steps')
      .slice(1, 5)
      .map((row) => Number(row[3])),
  ).toEqual(layers[0].rates);
  expect(table('attention')).toHaveLength(1);
  expect(left).toEqual(expect.arrayContaining(['firing-rates.svg', 'output-raster.svg', 'spikes.json']));
  expect(left).toContain('feature-maps-lif2-1.svg');
  expect(readFileSync(report, 'utf8')).toContain('Feature maps over time');
});

it('spikes shows one image by its name', async () => {
  const [row] = readFileSync(at('runs', 'scnn', 'predictions-test.csv'), 'utf8')
    .split('\n')
    .slice(7);
  const [name] = row.split(',');
  const out = at('spikes');
  const { runs } = await json('spikes', at('runs', 'scnn'), '--image', name, '--out', out);
  expect(runs[0].shown.map((image: { name: string }) => image.name)).toEqual([name]);
  const unknown = await soma('spikes', at('runs', 'scnn'), '--image', 'nobody.png');
  expect([unknown.code, unknown.stderr]).toEqual([
    2,
    expect.stringMatching(/expected an image of test, such as/),
  ]);
});

it('report puts what was found of a run into its report, and names what was not', async () => {
  const run = at('runs', 'scnn');
  const page = () => readFileSync(join(run, 'report.html'), 'utf8');
  expect(page()).toContain('<code>soma spikes ');
  expect(page()).not.toContain('id="analysis-spikes"');
  await json('robustness', run, '--corruptions', 'jpeg', '--severities', '3');
  await json('robustness', run, '--corruptions', 'occlusion', '--severities', '3');
  const [{ measured, accuracy }] = await json('report', run, '--format', 'csv');
  const evaluated = JSON.parse(readFileSync(join(run, 'evaluation.json'), 'utf8'));
  expect([accuracy, measured]).toEqual([evaluated.metrics.accuracy, ['spikes', 'robustness']]);
  // Both corruptions: what was measured before is not forgotten.
  for (const words of ['id="analysis-spikes"', 'JPEG', 'Occlusion', 'Errors worth a look', 'soma energy '])
    expect(page()).toContain(words);
  expect(existsSync(join(run, 'figures', 'spike-rates-1.svg'))).toBe(true);
  expect(readFileSync(join(run, 'report-spikes-layers.csv'), 'utf8')).toMatch(/\r\nscnn,lif1,/);
  // Without the data there are no pictures, but there is a report.
  renameSync(at('smear'), at('gone'));
  const { code, stderr } = await soma('report', run);
  renameSync(at('gone'), at('smear'));
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^scnn: no pictures of errors\. .*smear/)]);
  expect(page()).not.toContain('Errors worth a look');
}, 60_000);

it('spikes says of a dense network that it has none', async () => {
  const { code, stderr } = await soma('spikes', at('runs', 'ae-cnn'));
  expect(code).toBe(2);
  expect(stderr).toMatch(/expected a network with spiking neurons, got ae-cnn.*scnn/);
  expect(existsSync(at('runs', 'ae-cnn', 'spikes'))).toBe(false);
});

it('energy sets a spiking run beside its twin and beside a dense run, with the formulae', async () => {
  const both = [
    at('runs', 'scnn'),
    at('runs', 'ae-cnn'),
    '--seconds',
    '0.05',
    '--images',
    '5',
    '--out',
    at('energy'),
    '--format',
    'md,json',
  ];
  const { runs, report, unit } = await json('energy', ...both);
  expect(unit).toBe('pJ of one image');
  const [spiking, dense] = runs;
  const { network, twin, spikes } = spiking;
  expect([spiking.images, dense.images]).toEqual([5, 5]);
  const sum = network.layers.reduce((all: number, each: { operations: number }) => all + each.operations, 0);
  expect(network.totals.operations).toBeCloseTo(sum, 3);
  expect(twin.totals.operations).toBeCloseTo(4.6 * twin.macs, 0);
  expect(spikes.epochs.epochs).toBe(1);
  expect([dense.spikes, dense.twin]).toEqual([null, null]);
  expect(readFileSync(report, 'utf8')).toContain('Three models, one image');
  expect(readdirSync(at('energy')).sort()).toEqual(
    ['energy-parts.svg', 'energy.html', 'energy.json', 'energy.svg', 'tables.json', 'tables.md'].sort(),
  );
  const tables = JSON.parse(readFileSync(at('energy', 'tables.json'), 'utf8'));
  expect(tables.energy.map((row: { network: string }) => row.network)).toEqual([
    ...['network', 'dense twin', 'network'],
  ]);
  expect(tables.energy[0].operations_j).toBe(1e-12 * network.totals.operations);
  expect(tables.layers).toHaveLength(
    network.layers.length + twin.layers.length + dense.network.layers.length,
  );
  expect(readFileSync(at('energy', 'tables.md'), 'utf8')).toMatch(/\| scnn \| dense twin \| – \|/);
  const { stdout } = await soma('energy', at('runs', 'scnn'), '--on-chip', '1', '--seconds', '0.05');
  expect(stdout).toMatch(/operations and memory, 1 KiB on the chip/);
  expect(stdout).toContain('E = 3.7 pJ · multiplications');
  const chip = JSON.parse(readFileSync(at('runs', 'scnn', 'energy', 'energy.json'), 'utf8'));
  expect(chip.runs[0].network.totals.memory).toBeGreaterThan(10 * network.totals.memory);
});
