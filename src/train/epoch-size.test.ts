import { expect, it } from 'vitest';
import { findSystem } from '../models/registry.ts';
import { settingsSchema } from '../models/settings.ts';
import { idleOversampling } from './epoch-size.ts';

function warningOf(train: readonly number[], oversample: object | null): string | undefined {
  const settings = settingsSchema.parse({ ...findSystem('se-cnn').training, oversample });
  return idleOversampling(settings, train);
}

it('warns of oversampling that makes no image, and of none that does', () => {
  expect(warningOf([20, 20], { kind: 'smote' })).toMatch(/no class has fewer than 20 to learn from/);
  expect(warningOf([20, 30], { kind: 'augment', target: 20 })).toMatch(/no class has fewer than 20/);
  expect(warningOf([20, 30], { kind: 'augment' })).toBeUndefined();
  expect(warningOf([20, 20], { kind: 'augment', target: 21 })).toBeUndefined();
  expect(warningOf([20, 20], null)).toBeUndefined();
});
