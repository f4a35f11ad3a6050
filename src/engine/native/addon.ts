/**
 * The native add-on, typed. It is looked for where `npm run build:native` puts it, relative to this file, which
 * is right from src/ and from dist/ alike.
 */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SomaError } from '../../errors.ts';

/** Handles are opaque: objects of the add-on that live until they are collected. */
export type EngineHandle = { readonly kind: 'engine' };
export type SessionHandle = { readonly kind: 'session' };
export type ProgramHandle = { readonly kind: 'program' };

export interface Addon {
  /** Instruction sets that were built and that this processor has, the fastest first. */
  isas(): string[];
  createEngine(isa: string, threads: number): EngineHandle;
  createSession(engine: EngineHandle): SessionHandle;
  /** `buffer` is the variable's memory itself. */
  addVariable(session: SessionHandle, bytes: number): { index: number; buffer: ArrayBuffer };
  /** `buffer` is the program's io region itself. */
  loadProgram(
    session: SessionHandle,
    words: Int32Array,
    kernels: readonly string[],
    arenaBytes: number,
    ioBytes: number,
  ): { program: ProgramHandle; buffer: ArrayBuffer };
  /** `prepare`: variables have changed since the program ran last. */
  run(
    program: ProgramHandle,
    prepare: boolean,
    check: boolean,
    seconds: Float64Array | null,
    done: (error: string | null, finite: boolean, nonFiniteStep: number) => void,
    /** Compute before returning, on this thread, and call `done` then. */
    here: boolean,
  ): void;
  /** Bytes of arena and scratch. */
  memory(session: SessionHandle): [number, number];
  /** Frees all memory of the session; the buffers become empty. */
  closeSession(
    session: SessionHandle,
    buffers: readonly ArrayBuffer[],
    programs: readonly ProgramHandle[],
  ): void;
}

/** SOMA_ADDON names another build, e.g. one with a sanitizer; see native/build.mjs. */
const places = () =>
  process.env.SOMA_ADDON
    ? [resolve(process.env.SOMA_ADDON)]
    : [fileURLToPath(new URL('../../../build/native/soma.node', import.meta.url))];

export type LoadedAddon =
  | { readonly addon: Addon }
  /** What was tried and what to do, in one paragraph. */
  | { readonly failure: string };

let loaded: LoadedAddon | undefined;

/** Loads the add-on once; says why where it cannot. */
export function loadAddon(): LoadedAddon {
  loaded ??= load();
  return loaded;
}

function load(): LoadedAddon {
  const require = createRequire(import.meta.url);
  const tried: string[] = [];
  for (const path of places()) {
    try {
      return { addon: require(path) as Addon };
    } catch (error) {
      tried.push(`${path}: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  return {
    failure: `native engine: expected a built add-on, got none (tried ${tried.join('; ')}); install a C++20 compiler (g++ or clang++) and run \`npm run build:native\` in ${fileURLToPath(new URL('../../..', import.meta.url))}`,
  };
}

/** The add-on, or a SomaError that says what was tried. */
export function requireAddon(): Addon {
  const result = loadAddon();
  if ('failure' in result) throw new SomaError(result.failure);
  return result.addon;
}
