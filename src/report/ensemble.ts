/**
 * The folder of an ensemble: `ensemble.json` stands where a run has `config.json` and its checkpoints; predictions,
 * evaluation, report and figures are those of a run, so that what compares runs takes ensembles too. It holds no
 * weights, and everything that a report needs is written down in it: the members may be moved away.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { mismatch, SomaError } from '../errors.ts';
import { makeFolder, writeAside } from '../files.ts';
import { VOTES } from '../measure/ensemble.ts';
import { configSchema } from '../train/config.ts';
import type { RunFolder } from '../train/run-folder.ts';
import type { RunReport } from './types.ts';

const memberSchema = z.object({
  /** Its folder when the ensemble was made. */
  path: z.string(),
  name: z.string(),
  system: z.string(),
  title: z.string(),
  seed: z.int(),
  parameters: z.int(),
  /** Accuracies, 0 … 1; null where validation was left out. */
  validation: z.number().nullable(),
  test: z.number(),
});

export const ensembleSchema = z.object({
  created: z.string(),
  vote: z.enum(VOTES),
  members: z.array(memberSchema).min(2),
  /** Accuracy of the ensemble, 0 … 1; null where validation was left out. */
  validation: z.number().nullable(),
  /** Of the first member. */
  data: configSchema.shape.data,
  environment: configSchema.shape.environment,
  fileBytes: z.number(),
  warnings: z.array(z.string()),
});

export type EnsembleConfig = z.output<typeof ensembleSchema>;

const FILE = 'ensemble.json';

export function isEnsemble(folder: RunFolder): boolean {
  return existsSync(folder.file(FILE));
}

/** Makes the folder and writes `ensemble.json`. */
export async function createEnsemble(folder: RunFolder, config: EnsembleConfig): Promise<void> {
  await makeFolder(folder.path);
  await writeAside(folder.file(FILE), `${JSON.stringify(config, null, 2)}\n`);
}

async function readEnsemble(folder: RunFolder): Promise<EnsembleConfig> {
  const path = folder.file(FILE);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new SomaError(`${path}: expected JSON, got ${(error as Error).message}; restore the file`);
  }
  const parsed = ensembleSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw mismatch(path, 'an ensemble', `${issue.message} at ${issue.path.join('.')}`, 'make it again');
}

/** What a report says of an ensemble, its test results apart. Parameters and sizes are sums over the members. */
export async function ensembleReport(folder: RunFolder): Promise<RunReport> {
  const { created, vote, members, validation, data, environment, fileBytes, warnings } =
    await readEnsemble(folder);
  const parameters = members.reduce((sum, member) => sum + member.parameters, 0);
  return {
    name: folder.name,
    system: { name: 'ensemble', title: `Ensemble of ${members.length}, ${vote}`, paper: 'own' },
    data,
    config: {
      ...{ created, data: data.source, size: data.height, channels: data.channels },
      ...{ vote, members: members.map(({ name }) => name) },
    },
    environment,
    history: [],
    bestEpoch: 0,
    keptEpoch: 0,
    parameters,
    sizes: { weightsBytes: 4 * parameters, fileBytes, peakBytes: 0, residentBytes: 0 },
    ensemble: { vote, members, validation },
    warnings,
  };
}
