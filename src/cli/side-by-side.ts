/** Several runs that are measured one after the other and reported on together. */
import type { Dataset } from '../data/dataset.ts';
import { RunFolder } from '../train/run-folder.ts';

/** The data of each run stays open until the report is written, and is closed whatever happens. */
export async function measureSideBySide<M extends { readonly dataset: Dataset }>(
  paths: readonly string[],
  measure: (folder: RunFolder) => Promise<M>,
  report: (measured: readonly M[]) => Promise<void>,
): Promise<void> {
  const measured: M[] = [];
  try {
    for (const path of paths) measured.push(await measure(new RunFolder(path)));
    await report(measured);
  } finally {
    await Promise.all(measured.map(({ dataset }) => dataset.close()));
  }
}
