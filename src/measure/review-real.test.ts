/** The review on real images: needs the folder SOMA_DATA with blood-64/. */
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../test/data-fixtures.ts';
import { checkDataset } from '../data/check.ts';
import { copyGroups } from './review.ts';

const part = await temporaryFolder();
const train = join(process.env.SOMA_DATA ?? '', 'blood-64', 'train');
const real = process.env.SOMA_DATA && existsSync(train) ? it : it.skip;

real('finds the cell that blood-64 has under two labels (skipped without SOMA_DATA)', async () => {
  const two = { eosinophil: 'EO_225902.webp', neutrophil: 'BNE_191112.webp' };
  for (const [name, file] of Object.entries(two)) {
    await mkdir(join(part, name), { recursive: true });
    const others = (await readdir(join(train, name))).sort().slice(0, 40);
    for (const each of new Set([file, ...others])) await cp(join(train, name, each), join(part, name, each));
  }
  const { identical, near } = await checkDataset(part);
  const conflicts = copyGroups(identical, near).filter((group) => group.conflictingLabels);
  expect(conflicts.map(({ images }) => [...images].sort())).toEqual([
    [`eosinophil/${two.eosinophil}`, `neutrophil/${two.neutrophil}`],
  ]);
});
