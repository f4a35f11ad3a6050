/**
 * Runs that were never made, for tests of figures and pages: plausible curves and predictions from a seed.
 * Class 3 is the hard one, as in the published results on blood cells.
 */
import { measure } from '../measure/metrics.ts';
import type { Predictions } from '../measure/predictions.ts';
import { random } from '../random.ts';
import type { EpochRecord } from '../train/record.ts';
import type { RunReport } from './types.ts';

const CELLS = [
  'basophil',
  'eosinophil',
  'erythroblast',
  'immature granulocyte',
  'lymphocyte',
  'monocyte',
  'neutrophil',
  'platelet',
] as const;
const TEST_COUNTS = [244, 624, 311, 579, 243, 284, 666, 470];

export interface SyntheticOptions {
  name?: string;
  title?: string;
  seed?: number;
  epochs?: number;
  /** How far apart the classes are: 3 makes many errors, 6 few. */
  skill?: number;
  spiking?: boolean;
  classes?: readonly string[];
  testCounts?: readonly number[];
  resamples?: number;
}

/** A whole run with everything that a report shows. */
export function syntheticRun(options: SyntheticOptions = {}): RunReport {
  const { name = '2025-01-31-scnn-blood-64-1', title = 'SCNN', seed = 1, epochs = 30, skill = 3.6 } = options;
  const { classes = CELLS, testCounts = TEST_COUNTS } = options;
  const history = syntheticHistory(seed, epochs, skill, options.spiking ?? true);
  const best = history.reduce((a, b) => (b.val_loss < a.val_loss ? b : a));
  const predictions = syntheticPredictions(seed, skill, classes, testCounts);
  return {
    name,
    system: {
      name: title.toLowerCase(),
      title,
      paper: 'Ponomareva & Shnaider, SCNN vs AE-CNN on BloodMNIST',
    },
    data: {
      name: 'blood-64',
      ...{ height: 64, width: 64, channels: 3 },
      classes,
      fingerprint: '9c1185a5c5e9fc54612808977ee8f548b2258d319d1185a5c5e9fc5461280897',
      counts: {
        train: testCounts.map((count) => Math.round(3.5 * count)),
        val: testCounts.map((count) => Math.round(count / 2)),
        test: testCounts,
      },
    },
    config: {
      seed,
      batchSize: 64,
      epochs: 50,
      optimizer: { name: 'adam', lr: 1e-4, betas: [0.9, 0.999], eps: 1e-8 },
      schedule: 'constant',
      earlyStopping: { monitor: 'val_loss', patience: 10 },
      options: { steps: 10, beta: 0.9, surrogate: 'fastSigmoid(25)', handover: 'spk' },
      augment: null,
    },
    environment: {
      soma: '0.1.0',
      node: 'v20.20.2',
      cpu: 'AMD EPYC 9V74 80-Core Processor',
      cores: 2,
      threads: 2,
      engine: 'native',
      isa: 'avx512',
    },
    history,
    bestEpoch: best.epoch,
    keptEpoch: best.epoch,
    parameters: 337_806,
    sizes: {
      weightsBytes: 1_351_224,
      fileBytes: 4_060_100,
      peakBytes: 312_000_000,
      residentBytes: 498_000_000,
    },
    test: { predictions, metrics: measure(predictions, { seed, resamples: options.resamples ?? 2000 }) },
    warnings:
      options.spiking === false
        ? []
        : ['lif1 fired in fewer than 1 % of steps in the last epoch: nearly dead.'],
  };
}

function syntheticHistory(seed: number, epochs: number, skill: number, spiking: boolean): EpochRecord[] {
  const generator = random(seed, 'history');
  const floor = 0.9 / skill;
  return Array.from({ length: epochs }, (_, e) => {
    const jitter = () => 0.015 * generator.normal();
    const train = floor * 0.5 + 1.6 * Math.exp(-e / (0.15 * epochs + 1));
    const val = floor + 1.5 * Math.exp(-e / (0.13 * epochs + 1)) + 0.12 * (e / epochs) ** 2;
    return {
      epoch: e + 1,
      train_loss: train + jitter() / 3,
      train_accuracy: Math.min(1, 1 - train / 3.2),
      val_loss: val + jitter(),
      val_accuracy: Math.min(1, 1 - val / 3.6 + jitter() / 2),
      lr: 1e-4,
      seconds: 39 + 2 * generator.normal(),
      ...(spiking && {
        rates: {
          lif1: 0.18 - 0.1 * (1 - Math.exp(-e / 8)) + jitter() / 10,
          lif2: 0.09 - 0.04 * (1 - Math.exp(-e / 6)) + jitter() / 10,
          lif3: 0.11 + 0.02 * (1 - Math.exp(-e / 10)) + jitter() / 10,
        },
      }),
    };
  });
}

/** Softmax over noisy logits; classes 3, 5 and 6 resemble each other. */
function syntheticPredictions(
  seed: number,
  skill: number,
  classes: readonly string[],
  testCounts: readonly number[],
): Predictions {
  const noise = random(seed, 'noise');
  // What is hard about an image is the same for every system, so that runs are correlated as real ones are.
  const shared = random(0, 'images');
  const labels = Int32Array.from(testCounts.flatMap((count, k) => new Array<number>(count).fill(k)));
  shared.shuffle(labels);
  const size = classes.length;
  const scores = new Float32Array(labels.length * size);
  const names = Array.from(labels, (_, i) => `test/${String(i).padStart(5, '0')}`);
  for (let i = 0; i < labels.length; i++) {
    const logits = classes.map((_, k) => {
      const alike = [3, 5, 6].includes(k) && [3, 5, 6].includes(labels[i]) ? 0.3 : 0;
      return skill * (Number(k === labels[i]) + alike) + 1.2 * shared.normal() + 0.6 * noise.normal();
    });
    const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
    for (let k = 0; k < size; k++) scores[i * size + k] = Math.exp(logits[k]) / sum;
  }
  return { classes, labels, scores, names };
}
