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

it('refuses to watch two things at once', () => {
  const system = findSystem('ms-resnet18');
  const apply = (...sets: string[]) => applySets(system, system.training, sets).settings;
  const patience = 'earlyStopping.patience=3';
  expect(system.training.monitor).toBe('val_accuracy');
  expect(() => apply(patience, 'earlyStopping.monitor=val_loss')).toThrow(
    /expected one thing to be watched, got earlyStopping\.monitor=val_loss and monitor=val_accuracy/,
  );
  expect(apply(patience).earlyStopping?.patience).toBe(3);
  expect(apply(patience, 'earlyStopping.monitor=val_loss', 'monitor=val_loss').monitor).toBe('val_loss');
});
