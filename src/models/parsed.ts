/** Options and settings as their schemas take them, or an error that a user can act on. */
import type { z } from 'zod';
import { EXIT, SomaError } from '../errors.ts';

/** The value with its defaults. Throws a usage error that names what is wrong where. */
export function parsed<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  what: string,
): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const issues = error.issues.map(({ path, message }) => `${path.join('.') || 'all'}: ${message}`);
  throw new SomaError(`${what}: expected valid values, got ${issues.join('; ')}`, EXIT.usage);
}
