/**
 * What a search is: `search.json` in its folder. Everything that decides what is trained stands there, but for the number
 * of trials, which may grow; a folder holds one search.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { EXIT, SomaError } from '../errors.ts';
import { makeFolder, writeAside } from '../files.ts';
import { setArguments } from '../jobs/set-texts.ts';
import type { ObjectiveName } from './objective.ts';
import type { PrunerOptions } from './rungs.ts';
import type { SamplerName } from './samplers/table.ts';
import type { Space, Value } from './space.ts';

export interface Definition {
  /** Name of a system, or the path of one's own. */
  readonly system: string;
  /** Fingerprint of its module; null of Soma's own. */
  readonly module: string | null;
  /** What `--set` changes for all trials; the space may change more. */
  readonly set: Readonly<Record<string, Value>>;
  readonly space: Space;
  /** Path of the data, or `smear`. */
  readonly data: string;
  readonly fingerprint: string;
  /** Options of `soma train` that say how data is read and split: the same for all trials. */
  readonly reading: readonly string[];
  readonly objective: ObjectiveName;
  readonly sampler: SamplerName;
  readonly pruner: PrunerOptions;
  readonly seed: number;
}

const file = (folder: string) => join(folder, 'search.json');

/** Writes the definition into its folder. Throws where another search lives there. */
export async function keepDefinition(folder: string, definition: Definition): Promise<void> {
  const text = await readFile(file(folder), 'utf8').catch(() => undefined);
  if (text === undefined) {
    await makeFolder(folder);
    await writeAside(file(folder), `${JSON.stringify(definition, null, 2)}\n`);
    return;
  }
  const known: Definition = JSON.parse(text);
  const given: Definition = JSON.parse(JSON.stringify(definition));
  const keys = Object.keys(given) as (keyof Definition)[];
  const other = keys.find((key) => key !== 'data' && !isDeepStrictEqual(known[key], given[key]));
  if (other)
    throw new SomaError(
      `${folder}: expected this search, got one with another ${other}: ${JSON.stringify(known[other])}; choose another --out`,
      EXIT.usage,
    );
}

/** The command that trains a point, test included, without the name of its folder. */
export function trainArguments(
  { system, data, reading, set, space, pruner }: Definition,
  { point, seed }: { readonly point: Readonly<Record<string, Value>>; readonly seed: number },
): string[] {
  const all = { ...space.set, ...set, ...point };
  const limit = 'epochs' in all ? [] : ['--epochs', `${pruner.epochs}`];
  return [
    ...['train', system, '--data', data, ...reading, '--seed', `${seed}`, ...limit],
    ...setArguments(all),
  ];
}
