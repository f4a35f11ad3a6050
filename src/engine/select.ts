/** Choosing the engine. Nothing falls back silently: where the native engine is missing, stderr says why. */
import { mismatch, nearest } from '../errors.ts';
import type { Engine } from './engine.ts';
import { loadAddon } from './native/addon.ts';
import { createNativeEngine, type NativeEngineOptions } from './native/native.ts';
import { createReferenceEngine } from './reference.ts';

export const ENGINES = ['auto', 'native', 'reference'] as const;
export type EngineChoice = (typeof ENGINES)[number];

export interface OpenEngineOptions extends NativeEngineOptions {
  /** Default: SOMA_ENGINE, else `auto`: native where it is built, else the slow reference. */
  readonly engine?: EngineChoice;
}

let warned = false;

/** Throws a SomaError where `native` is wanted and not there. */
export function openEngine(options: OpenEngineOptions = {}): Engine {
  const choice = options.engine ?? (process.env.SOMA_ENGINE || 'auto');
  if (!ENGINES.some((name) => name === choice))
    throw mismatch('engine', ENGINES.join(', '), choice, `say ${nearest(choice, ENGINES) ?? 'auto'}`);
  if (choice === 'reference') return createReferenceEngine();
  const loaded = loadAddon();
  if (choice === 'native' || 'addon' in loaded) return createNativeEngine(options);
  if (!warned) {
    process.stderr.write(
      `\nWARNING: the slow reference engine is used; training takes hundreds of times longer.\n${loaded.failure}\n\n`,
    );
    warned = true;
  }
  return createReferenceEngine();
}
