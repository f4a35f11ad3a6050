/** The configuration of a run: everything that decides its bits, and where it was made. `config.json`. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { z } from 'zod';
import { type Dataset, SPLITS, type Splitting } from '../data/dataset.ts';
import type { EngineInfo } from '../engine/engine.ts';
import { settingsSchema } from '../models/settings.ts';

/** From `src` and from `dist` the package file is two folders up. */
export const VERSION: string = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
).version;

const counts = z.array(z.int().min(0));

/** Where something was computed. */
export const environmentSchema = z.object({
  soma: z.string(),
  node: z.string(),
  cpu: z.string(),
  cores: z.int(),
  threads: z.int(),
  engine: z.string(),
  isa: z.string(),
});

export const configSchema = z.object({
  name: z.string(),
  created: z.string(),
  system: z.string(),
  /** The module of a system that is not Soma's own. */
  systemFile: z.object({ path: z.string(), fingerprint: z.string() }).optional(),
  /** Options of the system, complete. */
  options: z.record(z.string(), z.unknown()),
  settings: settingsSchema,
  seed: z.int(),
  data: z.object({
    /** What was given to `--data`: a path, or `smear`. */
    source: z.string(),
    name: z.string(),
    height: z.int(),
    width: z.int(),
    channels: z.int(),
    classes: z.array(z.string()),
    fingerprint: z.string(),
    counts: z.object({ train: counts, val: counts, test: counts }),
    /** How splits that are not stored were drawn. */
    splitting: z
      .object({
        drawn: z.array(z.enum(SPLITS)),
        seed: z.int(),
        ratios: z.object({ train: z.number(), val: z.number(), test: z.number() }),
        keepTogether: z.enum(['near-duplicates', 'keys']).nullable(),
        groups: z.int(),
        fold: z.object({ number: z.int(), of: z.int(), pool: z.array(z.enum(SPLITS)) }).optional(),
      })
      .optional(),
    /** The log that labels were read through, and what it does. */
    relabelling: z
      .object({
        log: z.string(),
        lines: z.int(),
        fingerprint: z.string(),
        stored: z.string(),
        relabelled: z.int(),
        removed: z.int(),
      })
      .optional(),
  }),
  /** The file that the first weights were read from; left out where they were drawn. */
  weights: z
    .object({
      source: z.string(),
      fingerprint: z.string(),
      /** What the file did not have and was drawn, such as a last layer for other classes. */
      drawn: z.array(z.string()).default([]),
    })
    .optional(),
  /** The run whose weights these are, where options or data were changed after it was trained; such a run has no end of its own. */
  weightsOf: z.string().optional(),
  parameters: z.int(),
  /** Of the network of the pre-training, where there is one. */
  pretrainingParameters: z.int().optional(),
  environment: environmentSchema,
});

export type RunConfig = z.output<typeof configSchema>;

export function environmentOf({ name, isa, threads }: EngineInfo): RunConfig['environment'] {
  const processors = cpus();
  return {
    soma: VERSION,
    node: process.versions.node,
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    threads,
    engine: name,
    isa,
  };
}

/** What a configuration says of the data that was read from `source`. */
export function describeData(dataset: Dataset, source: string): RunConfig['data'] {
  const { name, height, width, channels, classes, fingerprint, splitting, relabelling } = dataset;
  return {
    ...{ source, name, height, width, channels, fingerprint },
    classes: [...classes],
    counts: countClasses(dataset),
    ...(splitting ? { splitting: copied(splitting) } : {}),
    ...(relabelling ? { relabelling } : {}),
  };
}

function copied({ fold, drawn, ...splitting }: Splitting) {
  return { ...splitting, drawn: [...drawn], ...(fold ? { fold: { ...fold, pool: [...fold.pool] } } : {}) };
}

/** Images of each class in each split. */
function countClasses({ splits, classes }: Dataset): RunConfig['data']['counts'] {
  const of = (split: (typeof SPLITS)[number]) => {
    const perClass = classes.map(() => 0);
    for (const label of splits[split].labels) perClass[label]++;
    return perClass;
  };
  return { train: of('train'), val: of('val'), test: of('test') };
}
