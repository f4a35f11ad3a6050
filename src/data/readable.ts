/** Whether all images of a split can be read, for one whose turn comes when hours have been spent. */
import { forEachConcurrently } from './concurrent.ts';
import type { Dataset, Split } from './dataset.ts';

const AT_ONCE = 8;

/** Decodes every image of a split and looks at none. Throws the fault of the first that cannot be read. */
export async function expectReadable(
  { splits, height, width, channels }: Dataset,
  split: Split,
): Promise<void> {
  const source = splits[split];
  await forEachConcurrently(source.length, AT_ONCE, (i) =>
    source.read(i, new Uint8Array(height * width * channels)),
  );
}
