import { expect, it } from 'vitest';
import { findSystem } from '../models/registry.ts';
import { applySets } from './options.ts';

it('takes a kind before what belongs to it, in whatever order they are given', () => {
  const system = findSystem('ae-cnn');
  const sets = ['optimizer.momentum=0.5', 'optimizer.kind=sgd'];
  for (const given of [sets, sets.toReversed()])
    expect(applySets(system, system.training, given).settings.optimizer).toMatchObject({
      kind: 'sgd',
      momentum: 0.5,
    });
});
