/** A plate of wrong answers, as paper (c), figures 14 and 15 have them: each with what is true and what the network said. */
import { probability } from './format.ts';
import type { Picture, Plate } from './plate.ts';
import type { SampleImage } from './types.ts';

/** A wrong answer with its image as the network's data has it. */
export interface ConfidentError extends Omit<SampleImage, 'png'> {
  readonly picture: Picture;
}

/** The images of a plate come in the order that is given, the surest errors first. */
export function errorPlate(run: string, errors: readonly ConfidentError[]): Plate {
  return {
    slug: 'errors',
    title: `Errors of which ${run} is surest`,
    description: errors
      .map(
        ({ name, label, predicted, confidence }) =>
          `${name}: ${label} taken for ${predicted}, ${probability(confidence)}`,
      )
      .join('; '),
    headings: [''],
    rows: errors.map(({ picture, name, label, predicted, confidence }) => ({
      pictures: [picture],
      caption: [`true ${label}`, `said ${predicted}`, probability(confidence), lastPart(name)],
    })),
  };
}

/** The name of the file: its folders are the split and the class, which stand above. */
function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}
