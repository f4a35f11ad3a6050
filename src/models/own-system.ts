/**
 * Systems of users: a module whose default export is one. It is named by its path wherever a system is named, and a run
 * writes the path down. Opening such a run runs the module, if it is still the one that the run was begun with.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EXIT, mismatch, SomaError } from '../errors.ts';
import { findSystem, registerSystem, type SystemFile } from './registry.ts';
import type { System } from './system.ts';
import { systemFaults } from './system-faults.ts';

const MODULE = /\.[cm]?[jt]s$/;

/** Whether what stands where a system is named is the path of a module. */
export function isSystemFile(reference: string): boolean {
  return MODULE.test(reference);
}

/** Fingerprints of the modules of this process: it never reads one again. */
const imported = new Map<string, string>();

/**
 * The system of a name, or of the module at a path, which is run for that.
 * @throws SomaError where the module cannot be run, exports no system, or one with a name that is taken, or has changed since this process
 * loaded it
 */
export async function openSystem(reference: string): Promise<System> {
  if (!isSystemFile(reference)) return findSystem(reference);
  const path = resolve(reference);
  const fingerprint = await fingerprintOf(path);
  const before = imported.get(path) ?? fingerprint;
  if (before !== fingerprint)
    throw mismatch(
      path,
      `the module that this process has loaded, fingerprint ${before.slice(0, 12)}`,
      `one that was changed since, ${fingerprint.slice(0, 12)}`,
      'start a new process',
    );
  const system = await importSystem(path);
  imported.set(path, fingerprint);
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
    const advice = /Unknown file extension ".[cm]?ts"/.test(error.message)
      ? '; compile it, or take Node 22.18 or later'
      : '';
    throw new SomaError(
      `${path}: expected a module that can be run, got ${error.message}${advice}`,
      EXIT.usage,
    );
  });
  const faults = systemFaults(module.default);
  if (faults.length === 0) return module.default;
  throw new SomaError(
    `${path}: expected a system as its default export (export default defineSystem(…)), got ${faults.join('; ')}`,
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
