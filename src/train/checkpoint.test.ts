import { expect, test } from 'vitest';
import { isCheckpointDue } from './checkpoint.ts';

test('a checkpoint is due after 30 seconds, or 20 times what the last one took to write', () => {
  expect(isCheckpointDue(29, 0)).toBe(false);
  expect(isCheckpointDue(31, 0)).toBe(true);
  expect(isCheckpointDue(31, 1.4)).toBe(true);
  expect(isCheckpointDue(139, 7)).toBe(false);
  expect(isCheckpointDue(141, 7)).toBe(true);
});

test('… or after the time that was asked for', () => {
  expect(isCheckpointDue(4, 7, 5)).toBe(false);
  expect(isCheckpointDue(6, 7, 5)).toBe(true);
});
