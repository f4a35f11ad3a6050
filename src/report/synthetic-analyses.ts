/** What analyses might have found of a run that was never made, for tests of figures and pages. */
import { CORRUPTION_NAMES } from '../data/corruptions/table.ts';
import type { Faithfulness } from '../explain/faithfulness.ts';
import { energyRows, energyTotals } from '../measure/energy.ts';
import { meansOver } from '../measure/faithfulness.ts';
import type { RobustnessPoint } from '../measure/robustness.ts';
import { outputRaster, SpikeTally, suppressions } from '../measure/spikes.ts';
import { findSystem } from '../models/registry.ts';
import { random } from '../random.ts';
import { layerEnergy, type NetworkEnergy, type RunEnergy, traceWorkload } from '../train/energy.ts';
import type { RunBench } from '../train/run-bench.ts';
import type { Analyses } from './analyses.ts';
import { drawPlate } from './plate.ts';
import type { SpikeNumbers } from './spikes-report.ts';

const CLASSES = ['basophil', 'eosinophil', 'erythroblast'];
const STEPS = 4;
const milliseconds = { median: 2.5, mean: 2.6, p25: 2, p75: 3, p95: 4, runs: 50 };

/** @param skill share of clean images that it recognises */
export async function syntheticAnalyses(skill = 0.9, spiking = true): Promise<Analyses> {
  const data = 'blood-64, test';
  const energy = syntheticEnergy(spiking ? 'scnn' : 'ae-cnn', spiking);
  const about = { split: 'test', machine: 'a processor, 2 threads', onChip: null };
  return {
    ...(spiking ? { spikes: { data, spikes: syntheticSpikes(skill) } } : {}),
    energy: { data, ...about, energy },
    robustness: { data, images: 100, seed: 0, points: points(skill) },
    explain: {
      data: `${data}, drawn by seed 0`,
      images: 6,
      methods: [{ name: 'grad-cam', layer: 'conv2', settings: 'score logit' }],
      plate: await syntheticPlate(),
    },
    faithfulness: { data, seed: 0, result: syntheticFaithfulness(skill) },
    review: {
      data: 'blood-64',
      method: 'The run judged what it has held out.',
      numbers: {
        ...{ classes: CLASSES, images: 200, scored: 120, agreement: skill, estimatedErrors: 3 },
        counts: { 'label-error': 2, conflict: 1, duplicate: 4, outlier: 5 },
        joint: CLASSES.map((_, i) => CLASSES.map((_, j) => (i === j ? 40 : Number(j > i)))),
      },
    },
  };
}

export const SYNTHETIC_BENCH: RunBench = {
  ...{ timeSteps: STEPS, size: 64, images: 'blood-64' },
  single: { batchSize: 1, milliseconds, imagesPerSecond: 400, memory: 1e6 },
  batch: { batchSize: 64, milliseconds, imagesPerSecond: 25_600, memory: 6e6 },
  bytes: { weights: 1e6, withSlots: 3e6, file: 1.1e6, lastFile: 3.1e6 },
  environment: {
    ...{ soma: '0.1.0', node: 'v20', cpu: 'a processor', cores: 2, threads: 2 },
    ...{ engine: 'native', isa: 'avx2' },
  },
};

function syntheticSpikes(skill: number): SpikeNumbers {
  const draw = random(3, 'spikes');
  const counted = (layer: string, shape: readonly number[]) => {
    const neurons = shape.reduce((product, length) => product * length, 1);
    const tally = new SpikeTally(layer, shape, STEPS);
    const times = Array.from({ length: neurons }, () => Math.floor(draw.uniform() * STEPS));
    const sum = times.reduce((total, count) => total + count, 0);
    const perStep = Array.from({ length: STEPS }, (_, t) => Math.floor((sum + t) / STEPS));
    tally.add(perStep, times);
    return tally.result();
  };
  const layers = [counted('lif1', [2, 3, 3]), counted('attention.lif', [2, 3, 3]), counted('lif2', [3])];
  const fired = Uint8Array.from({ length: STEPS * CLASSES.length }, (_, i) => Number(i % 3 === 1 || i === 3));
  const raster = outputRaster(fired, CLASSES.length);
  return {
    ...{ classes: CLASSES, images: 20, accuracy: skill, layers, output: 'lif2' },
    suppressions: suppressions(layers, new Map([['attention.lif', 'attention']])),
    rasters: [{ name: 'test/00001', label: 0, predicted: 1, raster }],
  };
}

/** Energy of a network at 16 pixels, where an eighth of all neurons fire. */
function syntheticEnergy(name: string, spiking: boolean): RunEnergy {
  const { network, warnings, steps } = networkEnergy(name, false);
  return {
    ...{ images: 10, accuracy: 0.9, steps, network, everyStep: network.totals, warnings },
    spikes: spiking
      ? {
          ...{ perImage: 300, joulesPerImage: 3e-7, joulesPerSplit: 3e-6 },
          epochs: { epochs: 2, each: [0.6, 0.4], mean: 0.5, least: 0.4, most: 0.6, total: 1 },
        }
      : null,
    twin: spiking ? networkEnergy(name, true).network : null,
  };
}

function networkEnergy(name: string, twin: boolean) {
  const shape = { height: 16, width: 16, channels: 3, classes: 4 };
  const system = findSystem(name);
  const { work, steps, warnings } = traceWorkload({ system, options: {}, ...shape, seed: 0, twin });
  const rows = energyRows(work, { rateInto: () => 0.125, spikesOf: () => 100 }, { steps });
  const network: NetworkEnergy = {
    ...{ layers: rows.map(layerEnergy), totals: energyTotals(rows), macs: 1, milliseconds },
  };
  return { network, warnings, steps };
}

function points(skill: number): RobustnessPoint[] {
  const of = (corruption: string, severity: number) => ({
    ...{ corruption, severity, images: 100, right: Math.round(100 * skill) - 5 * severity },
    balancedAccuracy: skill - 0.05 * severity,
  });
  return [
    of('none', 0),
    ...CORRUPTION_NAMES.slice(0, 3).flatMap((name) => [of(name, 1), of(name, 3), of(name, 5)]),
  ];
}

function syntheticFaithfulness(skill: number): Faithfulness {
  const area = [0.1, 0.2, 0.15];
  const ranking = (name: Faithfulness['rankings'][number]['ranking'], better: number) => {
    const deletion = [skill, 0.5 - better, 0.1];
    const insertion = [0.1, 0.5 + better, skill];
    return {
      ...{ ranking: name, layer: name === 'grad-cam' ? 'conv2' : null },
      ...meansOver({
        deletion: [0.4 - better, 0.5 - better, 0.45 - better],
        insertion: [0.6 + better, 0.5 + better, 0.55 + better],
        deletionOverRandom: [-better, -better, -better],
        insertionOverRandom: [better, better, better],
      }),
      curves: { deletion, insertion },
      nucleus: meansOver({
        ...{ heat: area.map((x) => x + better), heatOverArea: area.map(() => better) },
        ...{ pointing: [1, 0, 1], pointingOverArea: [0.9, -0.2, 0.85] },
      }),
    };
  };
  return {
    ...{ images: 3, parts: 2, fill: { deletion: 'mean', insertion: 'blurred' } },
    nucleusArea: meansOver({ area }).area,
    rankings: [ranking('grad-cam', 0.1), ranking('random', 0), ranking('centre', 0.05)],
  };
}

function syntheticPlate() {
  const picture = { height: 2, width: 2, channels: 3, pixels: new Uint8Array(12).fill(128) };
  return drawPlate({
    slug: 'looks-at',
    title: 'What the network looks at',
    description: CLASSES.map((name) => `true ${name}, said ${name}`).join('; '),
    headings: ['image', 'Grad-CAM', 'overlay'],
    rows: CLASSES.map((name) => ({ pictures: [picture, picture, picture], caption: [`true ${name}`] })),
  });
}
