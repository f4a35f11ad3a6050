/** Learning rate of each epoch. */
import type { StageSettings } from '../models/settings.ts';

/**
 * @param epoch from 0 on
 * @returns the rate in use during that epoch
 */
export function learningRate({ lr, schedule, epochs }: StageSettings, epoch: number): number {
  switch (schedule.kind) {
    case 'constant':
      return lr;
    case 'step':
      return lr * schedule.gamma ** Math.floor(epoch / schedule.every);
    case 'cosine':
      return schedule.floor + ((lr - schedule.floor) * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2;
    case 'exponential':
      return lr * Math.exp(-schedule.decay * epoch);
    case 'compounding':
      return lr * Math.exp((-schedule.decay * epoch * (epoch + 1)) / 2);
  }
}
