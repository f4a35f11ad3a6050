import { describe, expect, it } from 'vitest';
import { settings } from '../models/settings.ts';
import { advance, NO_PROGRESS, shouldStop } from './early-stopping.ts';

const make = (monitor: 'val_loss' | 'val_accuracy') =>
  settings({
    optimizer: { kind: 'sgd' },
    lr: 0.1,
    batchSize: 1,
    epochs: 9,
    earlyStopping: { monitor, patience: 2 },
  });

function run(monitor: 'val_loss' | 'val_accuracy', values: number[]) {
  let progress = NO_PROGRESS;
  for (const [i, value] of values.entries()) {
    progress = advance(progress, i + 1, { val_loss: value, val_accuracy: value }, make(monitor));
    if (shouldStop(progress, make(monitor))) return { stopped: i + 1, progress };
  }
  return { stopped: 0, progress };
}

describe('early stopping', () => {
  it('waits `patience` epochs for a lower loss', () => {
    const { stopped, progress } = run('val_loss', [3, 2, 2.5, 1.9, 2, 1.9, 1]);
    expect(stopped).toBe(6);
    expect(progress.bestEpoch).toBe(4);
  });

  it('takes a higher accuracy as better, and the first of equals', () => {
    expect(run('val_accuracy', [0.5, 0.7, 0.7]).progress).toEqual({
      bestEpoch: 2,
      bestValue: 0.7,
      waited: 1,
    });
  });

  it('never stops without a patience', () => {
    const s = { ...make('val_loss'), earlyStopping: null };
    expect(shouldStop({ bestEpoch: 1, bestValue: 1, waited: 99 }, s)).toBe(false);
  });
});
