/** Which images a study is about: `data.json` in its folder. Runs on others would be compared as if on the same. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SomaError } from '../errors.ts';
import { makeFolder, writeAside } from '../files.ts';
import { openData } from '../train/data.ts';
import type { Study } from './study.ts';

type Known = Readonly<Record<string, { readonly path: string; readonly fingerprint: string }>>;

/** What is stored does not depend on the size that it is read at. */
const ANY_SIZE = 64;

/**
 * Writes down what the data sets of a study are.
 * @param data path of each, by its name in the study
 * @param slots what the study says of them: labels that are read through a log are part of what they are
 * @throws SomaError where the folder has results on other images
 */
export async function keepData(
  folder: string,
  data: Readonly<Record<string, string>>,
  slots: Study['data'] = {},
): Promise<void> {
  const file = join(folder, 'data.json');
  const given: Record<string, Known[string]> = {};
  for (const [name, path] of Object.entries(data)) {
    const dataset = await openData({ source: path, size: ANY_SIZE, labels: slots[name]?.labels });
    await dataset.close();
    given[name] = { path, fingerprint: dataset.fingerprint };
  }
  // Read last: another process may have begun the same study while this one looked at its images.
  const known = await readKnown(file);
  for (const [name, { path, fingerprint }] of Object.entries(given)) {
    const before = known[name];
    if (before && before.fingerprint !== fingerprint)
      throw new SomaError(
        `${folder}: expected ${name} with the images and labels of ${before.path}, fingerprint ${before.fingerprint.slice(0, 12)}, got ${fingerprint.slice(0, 12)} from ${path}; choose another --out`,
      );
  }
  await makeFolder(folder);
  await writeAside(file, `${JSON.stringify({ ...known, ...given }, null, 2)}\n`);
}

async function readKnown(file: string): Promise<Known> {
  const text = await readFile(file, 'utf8').catch(() => '{}');
  try {
    return JSON.parse(text);
  } catch {
    throw new SomaError(
      `${file}: expected what soma study wrote, got text that is no JSON; remove the file, and the data is taken as it is given now`,
    );
  }
}
