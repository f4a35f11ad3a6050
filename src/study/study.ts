/**
 * What a study is: arms that are trained with several seeds, ensembles of their runs, and pairs of these to compare. Built-in ones are files in
 * `studies/`; a user's own is the same thing as a JSON file.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { SPLITS } from '../data/dataset.ts';
import { EXIT, SomaError } from '../errors.ts';
import { VOTES } from '../measure/ensemble.ts';
import { MOST_SEED } from '../random.ts';

/** Names become folder names. */
const name = z.string().regex(/^[a-z0-9][a-z0-9._-]*$/, 'expected small letters, digits, dots and dashes');
const seed = z.int().min(0).max(MOST_SEED);
const seeds = z.array(seed).min(1);

/** What its authors report on test, as shares. */
const paper = z.strictObject({ accuracy: z.number().optional(), macroF1: z.number().optional() }).default({});

/** How splits are drawn that the data does not have: the same for every seed, so that all are tested on the same images. */
const splitSchema = z.strictObject({
  seed: seed.default(0),
  ratios: z.strictObject({ train: z.number(), val: z.number(), test: z.number() }).optional(),
  /** Draw all splits from all images, also where some are stored. */
  resplit: z.boolean().optional(),
  keepTogether: z.enum(['near-duplicates']).optional(),
  /** One training of a cross-validation. */
  fold: z
    .strictObject({ number: z.int().min(1), of: z.int().min(2), pool: z.array(z.enum(SPLITS)).min(1) })
    .optional(),
});

/** A data set that arms name. Text alone says what it has to be. */
const dataSchema = z
  .union([
    z.string(),
    z.strictObject({
      what: z.string(),
      /** 1: grey, 3: RGB. Default: as it is. */
      channels: z.literal([1, 3]).optional(),
      split: splitSchema.optional(),
      /** Path of a log that labels are read through. */
      labels: z.string().optional(),
    }),
  ])
  .transform((data) => (typeof data === 'string' ? { what: data } : data));

const armSchema = z.strictObject({
  name,
  /** In tables and figures; default: the system's. */
  title: z.string().optional(),
  system: z.string().optional(),
  /** Which data of the study. */
  data: name.optional(),
  /** Side of the images; default: the paper's. */
  size: z.int().positive().optional(),
  /** Options of the system and training settings, as `--set` takes them. */
  set: z.record(z.string(), z.unknown()).default({}),
  /** File that the first weights are read from; default: they are drawn. */
  weights: z.string().optional(),
  /** Default: the seeds of the study. */
  seeds: seeds.optional(),
  /** Not trained: the finished runs of this arm, tested with the options in `set`. */
  evaluates: name.optional(),
  /** Too slow to be trained to its end here: one epoch is measured and the rest estimated. */
  oneEpoch: z.boolean().default(false),
  /** Too slow even for that: so many steps are measured, and whether the loss falls. */
  steps: z.int().positive().optional(),
  paper,
});

/** What runs of the study say together: nothing is trained for it. */
export const ensembleArmSchema = z.strictObject({
  name,
  title: z.string(),
  /** Arms whose runs vote. */
  of: z.array(name).min(1),
  /** `arms`: for each seed that all of them have, their runs with it; `seeds`: all of their runs together. */
  over: z.enum(['arms', 'seeds']).default('arms'),
  vote: z.enum(VOTES).default('mean'),
  paper,
});

type GivenArm = z.output<typeof armSchema>;
export type StudyData = z.output<typeof dataSchema>;

/** An arm that evaluates another one has its system, data, size and seeds. */
export interface Arm extends GivenArm {
  readonly system: string;
  readonly data: string;
}

export const studySchema = z
  .strictObject({
    name,
    title: z.string(),
    question: z.string(),
    /** Paper and table. */
    source: z.string().default('own'),
    /** The data that arms name, with what it has to be. */
    data: z.record(name, dataSchema),
    seeds: seeds.default([0]),
    arms: z.array(armSchema).min(1),
    ensembles: z.array(ensembleArmSchema).default([]),
    /** Arms or ensembles that are compared on the same test images: the first minus the second. */
    pairs: z.array(z.tuple([name, name])).default([]),
  })
  .transform(({ arms, ...study }, context) => ({
    ...study,
    arms: arms.flatMap((arm, i): readonly Arm[] => {
      const fail = (key: string, message: string) => {
        context.addIssue({ code: 'custom', path: ['arms', i, key], message });
        return [] as const;
      };
      if (arm.evaluates !== undefined) return evaluating(arm, arm.evaluates, arms, fail);
      const { system, data } = arm;
      if (system === undefined) return fail('system', 'expected the name of a system, got none');
      if (data === undefined || !(data in study.data))
        return fail('data', `expected ${Object.keys(study.data).join(' or ')}, got ${data ?? 'none'}`);
      if (arm.oneEpoch && arm.steps) return fail('steps', 'expected oneEpoch or steps, got both');
      return [{ ...arm, system, data }];
    }),
  }))
  .superRefine(({ arms, ensembles, pairs }, context) => {
    const names = [...arms, ...ensembles].map((each) => each.name);
    const fail = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    const fields = [...arms.map((_, i) => ['arms', i]), ...ensembles.map((_, i) => ['ensembles', i])];
    names.forEach((each, i) => {
      if (names.indexOf(each) < i)
        fail([...fields[i], 'name'], `expected a name of its own, got ${each} twice`);
    });
    ensembles.forEach(({ of, over }, i) => {
      for (const each of of) {
        const arm = arms.find((candidate) => candidate.name === each);
        if (!arm || arm.oneEpoch || arm.steps)
          fail(['ensembles', i, 'of'], `expected names of arms that are trained to their end, got ${each}`);
      }
      if (over === 'arms' && new Set(of).size < 2)
        fail(['ensembles', i, 'of'], `expected two or more arms, got ${of.join(', ')}; set over to seeds`);
    });
    pairs.forEach((pair, i) => {
      for (const each of pair)
        if (!names.includes(each)) fail(['pairs', i], `expected names of arms, got ${each}`);
      if (pair[0] === pair[1]) fail(['pairs', i], `expected two arms, got ${pair[0]} twice`);
    });
  });

export type EnsembleArm = z.output<typeof ensembleArmSchema>;
export type Study = z.output<typeof studySchema>;

/** Fills in what an arm has of the one that it evaluates. */
function evaluating(
  arm: GivenArm,
  of: string,
  arms: readonly GivenArm[],
  fail: (key: string, message: string) => readonly [],
): readonly Arm[] {
  const trained = arms.find((other) => other.name === of);
  if (!trained || trained.evaluates || trained.oneEpoch || trained.steps)
    return fail('evaluates', `expected the name of an arm that is trained to its end, got ${of}`);
  if (arm.oneEpoch || arm.steps) return fail('evaluates', 'expected no oneEpoch and no steps beside it');
  const { system, data, size, seeds: own } = trained;
  if (system === undefined || data === undefined) return [];
  const taken = { system, data, size, seeds: own };
  for (const key of ['system', 'data', 'size', 'seeds'] as const)
    if (arm[key] !== undefined && String(arm[key]) !== String(taken[key]))
      return fail(key, `expected that of ${of}, or none, got ${arm[key]}`);
  return [{ ...arm, system, data, ...(size ? { size } : {}), ...(own ? { seeds: own } : {}) }];
}

/** Checks a built-in study and fills in defaults; wrong ones fail when the program starts. */
export function defineStudy(study: z.input<typeof studySchema>): Study {
  return studySchema.parse(study);
}

/** Reads a study from a JSON file; throws a SomaError that names what is wrong in it. */
export async function readStudy(path: string): Promise<Study> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new SomaError(`${path}: expected a study as JSON, got ${error.message}`, EXIT.usage);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SomaError(`${path}: expected JSON, got ${(error as Error).message}`, EXIT.usage);
  }
  const parsed = studySchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path: at, message }) => `${at.join('.') || 'study'}: ${message}`);
  throw new SomaError(`${path}: expected a study, got ${issues.join('; ')}`, EXIT.usage);
}
