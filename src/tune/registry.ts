/** Every built-in space by its name on the command line. A new one is a file in `spaces/` and a row here. */
import { readFile } from 'node:fs/promises';
import { EXIT, nearest, SomaError } from '../errors.ts';
import { parseSpace, type Space } from './space.ts';
import { aeCnnSpace } from './spaces/ae-cnn.ts';
import { biasnnSpace } from './spaces/biasnn.ts';
import { neurallnetSpace } from './spaces/neurallnet.ts';
import { optimizerSpace } from './spaces/optimizer.ts';
import { scnnSpace } from './spaces/scnn.ts';
import { spikingSpace } from './spaces/spiking.ts';

export const SPACES: Readonly<Record<string, Space>> = {
  'ae-cnn': aeCnnSpace,
  scnn: scnnSpace,
  biasnn: biasnnSpace,
  neurallnet: neurallnetSpace,
  spiking: spikingSpace,
  optimizer: optimizerSpace,
};

/** The space of a name, or of a JSON file. */
export async function openSpace(reference: string): Promise<Space> {
  if (reference.endsWith('.json')) {
    const text = await readFile(reference, 'utf8').catch((error: Error) => {
      throw new SomaError(`${reference}: expected a search space as JSON, got ${error.message}`, EXIT.usage);
    });
    return parseSpace(text, reference);
  }
  if (Object.hasOwn(SPACES, reference)) return SPACES[reference];
  const names = Object.keys(SPACES);
  const near = nearest(reference, names);
  throw new SomaError(
    `space: expected ${names.join(', ')}, or a .json file, got ${reference}${near ? `; did you mean ${near}?` : ''}`,
    EXIT.usage,
  );
}
