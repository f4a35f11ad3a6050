import { expect, it } from 'vitest';
import { registerSystem, SYSTEMS } from './registry.ts';
import { systemFaults } from './system-faults.ts';

it.each(Object.entries(SYSTEMS))('finds none in %s', (_, system) => {
  expect(systemFaults(system)).toEqual([]);
});

it('names what is wrong', () => {
  const wrong = { ...SYSTEMS.scnn, name: 'Bad Name', framework: 'jax', classes: 'ten', ratios: { train: 5 } };
  const faults = systemFaults(wrong).join('\n');
  for (const field of ['name: expected small letters', 'framework:', 'classes:', 'ratios.val:'])
    expect(faults).toContain(field);
  expect(() => registerSystem(wrong as never)).toThrow(/registerSystem\(\): expected a system, got name:/);
});
