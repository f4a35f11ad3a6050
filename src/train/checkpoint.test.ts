import { expect, test } from 'vitest';
import { isCheckpointDue } from './checkpoint.ts';

test('a checkpoint is due after the time asked for, or 20 times what the last one took to write', () => {
  expect(isCheckpointDue(29, 30, 0)).toBe(false);
  expect(isCheckpointDue(31, 30, 0)).toBe(true);
  expect(isCheckpointDue(31, 30, 1.4)).toBe(true);
  expect(isCheckpointDue(31, 30, 7)).toBe(false);
  expect(isCheckpointDue(139, 30, 7)).toBe(false);
  expect(isCheckpointDue(141, 30, 7)).toBe(true);
});
