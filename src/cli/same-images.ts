/** Runs that are set side by side must have been shown the same images. */
import { mismatch } from '../errors.ts';
import type { RunFolder } from '../train/run-folder.ts';

/** @throws SomaError naming the first run whose data is not that of the first */
export function expectSameImages(
  runs: readonly { readonly folder: RunFolder; readonly fingerprint: string }[],
): void {
  const [first, ...others] = runs;
  const stranger = others.find(({ fingerprint }) => fingerprint !== first.fingerprint);
  if (!stranger) return;
  throw mismatch(
    stranger.folder.path,
    `the images of ${first.folder.path}`,
    'others',
    'set runs on the same data side by side, or name it with --data',
  );
}
