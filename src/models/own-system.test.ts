import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../test/data-fixtures.ts';
import { openSystem } from './own-system.ts';
import { systemFile } from './registry.ts';

const folder = await temporaryFolder();

const module = (summary: string) => `export default {
  name: 'changing', title: 'Changing', summary: '${summary}', source: 'own', framework: 'torch', size: 8,
  options: { parse: (options) => options },
  training: { optimizer: { kind: 'adam' }, lr: 1e-3, batchSize: 4, epochs: 1 },
  build() {},
};`;

it('vouches for the module that was run, not for one that was changed since', async () => {
  const path = join(folder, 'changing.mjs');
  await writeFile(path, module('first'));
  expect((await openSystem(path)).summary).toBe('first');
  const before = systemFile('changing');
  await openSystem(path);
  await writeFile(path, module('second'));
  await expect(openSystem(path)).rejects.toThrow(
    /expected the module that this process has loaded, .* got one that was changed since, .*new process/,
  );
  expect(systemFile('changing')).toEqual(before);
});
