/** What is wrong with a system that Soma's own types have not checked. */
import { z } from 'zod';
import { settingsSchema } from './settings.ts';

const isFunction = (value: unknown) => typeof value === 'function';
const share = z.number().min(0);

const systemSchema = z.looseObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/, 'expected small letters, digits, dots and dashes'),
  title: z.string(),
  summary: z.string(),
  source: z.string(),
  reported: z.string().optional(),
  framework: z.enum(['keras', 'torch']),
  size: z.int().positive(),
  classes: z.int().positive().optional(),
  greySize: z.int().positive().optional(),
  ratios: z.strictObject({ train: share, val: share, test: share }).optional(),
  options: z.custom((options) => isFunction((options as z.ZodType)?.parse), 'expected a schema'),
  training: settingsSchema,
  aliases: z.record(z.string(), z.array(z.string())).optional(),
  pretraining: z
    .looseObject({ title: z.string(), build: z.custom(isFunction, 'expected a function') })
    .optional(),
  build: z.custom(isFunction, 'expected a function'),
});

/** One line for each fault; none of a system. */
export function systemFaults(value: unknown): string[] {
  const { error } = systemSchema.safeParse(value);
  return error?.issues.map(({ path, message }) => `${path.join('.') || 'all'}: ${message}`) ?? [];
}
