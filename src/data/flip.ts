/** Wrong labels on purpose, to see whether a review finds them: a share of the images gets another class at random. */
import { random } from '../random.ts';
import { contentHash, type Dataset, type Split } from './dataset.ts';
import type { Decision } from './relabel-log.ts';

/**
 * Images are drawn without regard to their class, and each gets one of the other classes with equal chances.
 * @param share of the images of the split, above 0 and below 1
 */
export async function drawFlips(
  { classes, splits }: Dataset,
  split: Split,
  share: number,
  seed: number,
): Promise<Decision[]> {
  const source = splits[split];
  const draw = random(seed, 'flip', split);
  const order = draw.shuffle(Int32Array.from({ length: source.length }, (_, i) => i));
  const chosen = order.slice(0, Math.round(share * source.length)).sort();
  const flips: Decision[] = [];
  for (const index of chosen) {
    const label = source.labels[index];
    const other = draw.int(classes.length - 1);
    const stored = classes[label];
    const to = classes[other < label ? other : other + 1];
    const sha256 = await contentHash(source, index);
    flips.push({ image: source.name(index), sha256, stored, from: stored, to, why: `flipped, seed ${seed}` });
  }
  return flips;
}
