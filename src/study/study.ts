/**
 * What a study is: arms that are trained with several seeds, ensembles of their runs, and pairs of these to compare. Built-in ones are files in
 * `studies/`; a user's own is the same thing as a JSON file.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { EXIT, SomaError } from '../errors.ts';
import { VOTES } from '../measure/ensemble.ts';

/** Names become folder names. */
const name = z.string().regex(/^[a-z0-9][a-z0-9._-]*$/, 'expected small letters, digits, dots and dashes');

/** What its authors report on test, as shares. */
const paper = z.strictObject({ accuracy: z.number().optional(), macroF1: z.number().optional() }).default({});

export const armSchema = z.strictObject({
  name,
  /** In tables and figures; default: the system's. */
  title: z.string().optional(),
  system: z.string(),
  /** Which data of the study. */
  data: name,
  /** Side of the images; default: the paper's. */
  size: z.int().positive().optional(),
  /** Options of the system and training settings, as `--set` takes them. */
  set: z.record(z.string(), z.unknown()).default({}),
  /** Default: the seeds of the study. */
  seeds: z.array(z.int().min(0)).min(1).optional(),
  /** Too slow to be trained to its end here: one epoch is measured and the rest estimated. */
  oneEpoch: z.boolean().default(false),
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

export const studySchema = z
  .strictObject({
    name,
    title: z.string(),
    question: z.string(),
    /** Paper and table. */
    source: z.string().default('own'),
    /** The data that arms name, with what it has to be. */
    data: z.record(name, z.string()),
    seeds: z.array(z.int().min(0)).min(1).default([0]),
    arms: z.array(armSchema).min(1),
    ensembles: z.array(ensembleArmSchema).default([]),
    /** Arms or ensembles that are compared on the same test images: the first minus the second. */
    pairs: z.array(z.tuple([name, name])).default([]),
  })
  .superRefine(({ arms, ensembles, pairs, data }, context) => {
    const names = [...arms, ...ensembles].map((each) => each.name);
    const fail = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    const fields = [...arms.map((_, i) => ['arms', i]), ...ensembles.map((_, i) => ['ensembles', i])];
    names.forEach((each, i) => {
      if (names.indexOf(each) < i)
        fail([...fields[i], 'name'], `expected a name of its own, got ${each} twice`);
    });
    arms.forEach((arm, i) => {
      if (!(arm.data in data))
        fail(['arms', i, 'data'], `expected ${Object.keys(data).join(' or ')}, got ${arm.data}`);
    });
    ensembles.forEach(({ of, over }, i) => {
      for (const each of of) {
        const arm = arms.find((candidate) => candidate.name === each);
        if (!arm || arm.oneEpoch)
          fail(['ensembles', i, 'of'], `expected names of arms that are trained to their end, got ${each}`);
      }
      if (over === 'arms' && new Set(of).size < 2)
        fail(['ensembles', i, 'of'], `expected two or more arms, got ${of.join(', ')}; set over to seeds`);
    });
    pairs.forEach((pair, i) => {
      for (const each of pair)
        if (!names.includes(each)) fail(['pairs', i], `expected names of arms, got ${each}`);
    });
  });

export type Arm = z.output<typeof armSchema>;
export type EnsembleArm = z.output<typeof ensembleArmSchema>;
export type Study = z.output<typeof studySchema>;

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
