/** Which epoch is the best on validation, and when to stop waiting for a better one. */
import type { StageSettings, TrainingSettings } from '../models/settings.ts';

type Watched = Pick<StageSettings, 'earlyStopping'> & Partial<Pick<TrainingSettings, 'monitor'>>;

export interface Progress {
  /** Epoch (from 1) of the best value; 0 before the first. */
  readonly bestEpoch: number;
  /** Best value of what is monitored, or null before the first epoch. */
  readonly bestValue: number | null;
  /** Epochs since. */
  readonly waited: number;
}

export const NO_PROGRESS: Progress = { bestEpoch: 0, bestValue: null, waited: 0 };

/** What makes an epoch the best. */
export function monitored({ monitor, earlyStopping }: Watched): 'val_loss' | 'val_accuracy' {
  return monitor ?? earlyStopping?.monitor ?? 'val_loss';
}

/** Progress after an epoch; the first of equals stays the best. */
export function advance(
  progress: Progress,
  epoch: number,
  { val_loss, val_accuracy }: { readonly val_loss: number; readonly val_accuracy?: number },
  settings: Watched,
): Progress {
  const accuracy = monitored(settings) === 'val_accuracy' ? val_accuracy : undefined;
  const monitorsAccuracy = accuracy !== undefined;
  const value = accuracy ?? val_loss;
  const { bestValue } = progress;
  const better = bestValue === null || (monitorsAccuracy ? value > bestValue : value < bestValue);
  return better
    ? { bestEpoch: epoch, bestValue: value, waited: 0 }
    : { ...progress, waited: progress.waited + 1 };
}

/** True when `patience` epochs have gone by without a better one. */
export function shouldStop(
  { waited }: Progress,
  { earlyStopping }: Pick<StageSettings, 'earlyStopping'>,
): boolean {
  return earlyStopping !== null && waited >= earlyStopping.patience;
}
