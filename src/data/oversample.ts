/**
 * Oversampling: new images of the rarer classes behind the images themselves, until each class has as many as wanted.
 * What is made follows from the seed alone, so that a resumed run sees the same images.
 */
import { random } from '../random.ts';
import { type AugmentOptions, withAugmented } from './augment.ts';
import { missingImages } from './balance.ts';
import type { ImageSource } from './dataset.ts';
import type { ImageShape } from './image.ts';
import { type SmoteOptions, withSmote } from './smote.ts';

export type OversampleOptions =
  | ({
      readonly kind: 'augment';
      /** Images that each class is brought to; null: as many as the largest has. */
      readonly target: number | null;
      /** All new images of a class are made from its first one: a mistake that paper (c) may rest on, as a replica. */
      readonly singleSource: boolean;
    } & AugmentOptions)
  | ({ readonly kind: 'smote'; readonly target: number | null } & Pick<SmoteOptions, 'k' | 'arithmetic'>);

export function oversampled(
  source: ImageSource,
  shape: ImageShape,
  options: OversampleOptions,
  seed: number,
): ImageSource {
  const missing = missingImages(source.labels, options.target);
  if (options.kind === 'smote') return withSmote(source, shape, { missing, seed, ...options });
  const { kind: _kind, target: _target, singleSource, ...augment } = options;
  const originals = Int32Array.from(
    missing.flatMap(({ members, count }, label) => {
      const order = singleSource
        ? members.slice(0, 1)
        : random(seed, 'oversample', label).shuffle([...members]);
      return Array.from({ length: count }, (_, i) => order[i % order.length]);
    }),
  );
  return withAugmented(source, shape, { originals, augment, draw: (i) => random(seed, 'oversampled', i) });
}
