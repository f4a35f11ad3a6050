/** The warning that a training is too short for the running statistics of its BatchNorm. */
import { expect, it } from 'vitest';
import { openSmear } from '../data/smear/source.ts';
import { openEngine } from '../engine/select.ts';
import { findSystem } from '../models/registry.ts';
import { configure } from './open-run.ts';
import { slowStatistics } from './slow-statistics.ts';

const engine = openEngine({ engine: 'reference' });
/** Ten batches of 16 an epoch. */
const dataset = openSmear({ size: 32, images: { train: 160, val: 8, test: 8 } });

function warningOf(name: string, set: object, options = {}): string | undefined {
  const system = findSystem(name);
  const settings = { ...system.training, batchSize: 16, ...set };
  const request = { name, system: name, options, seed: 0, source: 'smear', dataset, engine };
  return slowStatistics(configure({ ...request, settings }));
}

it('is given where statistics by Keras need more steps than there are', () => {
  expect(warningOf('cnn-stride2', { epochs: 8 })).toMatch(/settle in about 688 steps, .* are 80: /);
  expect(warningOf('cnn-stride2', { epochs: 69 })).toBeUndefined();
  expect(warningOf('cnn-stride2', { epochs: 8, batchSize: 1 })).toBeUndefined();
  expect(warningOf('cnn-stride2', { epochs: 8, maxSteps: 5 })).toBeUndefined();
});

it('counts the images that are made for an epoch', () => {
  const offlineAugment = { flipHorizontal: true, copies: 9 };
  expect(warningOf('cnn-stride2', { epochs: 6, offlineAugment })).toContain('are 600: ');
  expect(warningOf('cnn-stride2', { epochs: 7, offlineAugment })).toBeUndefined();
});

it('is not given to PyTorch’s, which settle ten times as fast, nor where there is no BatchNorm', () => {
  expect(warningOf('ms-resnet18', { epochs: 8 })).toBeUndefined();
  expect(warningOf('ms-resnet18', { epochs: 6 })).toContain('settle in about 66 steps');
  expect(warningOf('scnn', { epochs: 1 })).toBeUndefined();
});

it('is not given to statistics that are frozen', () => {
  const few = { epochs: 1 };
  expect(warningOf('resnet50', few, { width: 0.125 })).toContain('settle in about 688 steps');
  expect(warningOf('resnet50', few, { width: 0.125, freeze: 'transfer' })).toBeUndefined();
});
