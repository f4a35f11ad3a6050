/** A split seen through a corruption. What is drawn for an image follows from the seed, the severity and its index alone. */
import { random } from '../../random.ts';
import { type ImageSource, readImage, readThrough } from '../dataset.ts';
import type { ImageShape } from '../image.ts';
import type { Severity } from './corruption.ts';
import { CORRUPTIONS, type CorruptionName } from './table.ts';

/** Labels and names stay. @param seed of what is drawn; the same in every run, so that runs see the same images */
export function corrupted(
  source: ImageSource,
  shape: ImageShape,
  name: CorruptionName,
  severity: Severity,
  seed: number,
): ImageSource {
  return readThrough(source, async (index, target) => {
    const image = await readImage(source, shape, index);
    const draw = random(seed, name, severity, index);
    target.set(await CORRUPTIONS[name].apply(image, severity, draw));
  });
}
