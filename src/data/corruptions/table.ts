/** Every corruption by its name on the command line: the six of paper (e), then those of MedMNIST-C for blood. */
import { EXIT, nearest, SomaError } from '../../errors.ts';
import { defocusBlur, gaussianBlur, motionBlur } from './blur.ts';
import type { Corruption } from './corruption.ts';
import { jpeg, pixelate } from './digital.ts';
import { brightnessDown, brightnessUp, contrastDown, contrastUp, illumination, saturate } from './enhance.ts';
import { occlusion, rotation } from './geometry.ts';
import { bubble, stainDeposit } from './microscopy.ts';
import { gaussianNoise, saltAndPepper } from './noise.ts';

export const CORRUPTIONS = {
  'gaussian-noise': gaussianNoise,
  'salt-and-pepper': saltAndPepper,
  'gaussian-blur': gaussianBlur,
  occlusion,
  rotation,
  illumination,
  'brightness-up': brightnessUp,
  'brightness-down': brightnessDown,
  'contrast-up': contrastUp,
  'contrast-down': contrastDown,
  'defocus-blur': defocusBlur,
  'motion-blur': motionBlur,
  jpeg,
  pixelate,
  saturate,
  'stain-deposit': stainDeposit,
  bubble,
} as const satisfies Record<string, Corruption>;

export type CorruptionName = keyof typeof CORRUPTIONS;

export const CORRUPTION_NAMES = Object.keys(CORRUPTIONS) as CorruptionName[];

/** The corruption called `name`; throws with the nearest name where there is none. */
export function findCorruption(name: string): { name: CorruptionName; corruption: Corruption } {
  const found = CORRUPTION_NAMES.find((each) => each === name);
  if (found) return { name: found, corruption: CORRUPTIONS[found] };
  const near = nearest(name, CORRUPTION_NAMES);
  throw new SomaError(
    `corruption: expected ${CORRUPTION_NAMES.join(', ')}, got ${name}${near ? `; did you mean ${near}?` : ''}`,
    EXIT.usage,
  );
}
