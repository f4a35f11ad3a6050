/**
 * Systems of users: a module whose default export is one. It is named by its path wherever a system is named, and a run
 * writes the path down. Opening such a run runs the module, if it is still the one that the run was begun with.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { EXIT, mismatch, SomaError } from '../errors.ts';
import { findSystem, registerSystem, type SystemFile } from './registry.ts';
import { settingsSchema } from './settings.ts';
import type { System } from './system.ts';

const MODULE = /\.[cm]?[jt]s$/;

const systemSchema = z.custom<System>().superRefine((value, context) => {
  const parsed = z
    .looseObject({
      name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/, 'expected small letters, digits, dots and dashes'),
      title: z.string(),
      summary: z.string(),
      source: z.string(),
      framework: z.enum(['keras', 'torch']),
      size: z.int().positive(),
      options: z.custom(
        (options) => typeof (options as z.ZodType)?.parse === 'function',
        'expected a schema',
      ),
      training: settingsSchema,
      build: z.custom((build) => typeof build === 'function', 'expected a function'),
    })
    .safeParse(value);
  for (const { path, message } of parsed.error?.issues ?? [])
    context.addIssue({ code: 'custom', path: [...path], message });
});

/** Whether what stands where a system is named is the path of a module. */
export function isSystemFile(reference: string): boolean {
  return MODULE.test(reference);
}

/**
 * The system of a name, or of the module at a path, which is run for that.
 * @throws SomaError where the module cannot be run, exports no system, or one with a name that is taken
 */
export async function openSystem(reference: string): Promise<System> {
  if (!isSystemFile(reference)) return findSystem(reference);
  const path = resolve(reference);
  const fingerprint = await fingerprintOf(path);
  const system = await importSystem(path);
  registerSystem(system, { path, fingerprint, reference });
  return system;
}

/** Opens the system that a run was begun with. Throws where the module has changed since. */
export async function reopenSystem({ path, fingerprint }: SystemFile): Promise<void> {
  const now = await fingerprintOf(path);
  if (now !== fingerprint)
    throw mismatch(
      path,
      `the system that the run was begun with, fingerprint ${fingerprint.slice(0, 12)}`,
      now.slice(0, 12),
      'restore the file, or begin a new run',
    );
  await openSystem(path);
}

async function fingerprintOf(path: string): Promise<string> {
  const text = await readFile(path).catch((error: Error) => {
    throw new SomaError(`${path}: expected a module with a system, got ${error.message}`, EXIT.usage);
  });
  return createHash('sha256').update(text).digest('hex');
}

async function importSystem(path: string): Promise<System> {
  resolveSoma();
  const module = await import(pathToFileURL(path).href).catch((error: Error) => {
    throw new SomaError(`${path}: expected a module that can be run, got ${error.message}`, EXIT.usage);
  });
  const parsed = systemSchema.safeParse(module.default);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path: at, message }) => `${at.join('.') || 'all'}: ${message}`);
  throw new SomaError(
    `${path}: expected a system as its default export (export default defineSystem(…)), got ${issues.join('; ')}`,
    EXIT.usage,
  );
}

let resolving = false;

/** Makes `import … from 'soma'` mean this very installation, wherever the module lies. */
function resolveSoma(): void {
  if (resolving) return;
  resolving = true;
  const index = JSON.stringify(new URL('../index.js', import.meta.url).href);
  const hook = `export const resolve = (specifier, context, next) =>
    specifier === 'soma' ? { url: ${index}, shortCircuit: true } : next(specifier, context);`;
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
}
