/** A command of Soma in a process of its own, for work that takes long: its words go to a log, and it can be stopped. */
import { spawn } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT, quoted } from '../errors.ts';
import { makeFolder, unwritable } from '../files.ts';
import type { Claim } from './claim.ts';

const MAIN = fileURLToPath(new URL('../cli/main.js', import.meta.url));

/** Set for a child: it begins when it is told to. */
const WAITS = 'SOMA_WAITS';

/**
 * In a child, waits until it shares the claim. False where the parent died before that: then nobody knows of the child,
 * and another process may have taken over its work.
 */
export async function mayBegin(): Promise<boolean> {
  if (!process.env[WAITS]) return true;
  delete process.env[WAITS];
  for await (const _word of process.stdin) return true;
  return false;
}

export interface ChildOptions {
  /** File to which its words are appended. */
  readonly log: string;
  /** Asks it to stop with a checkpoint. */
  readonly signal: AbortSignal;
  /** Held by the child too, which may outlive this process. */
  readonly claim: Claim;
}

/** `code`: its exit code, null where a signal ended it. */
export type Outcome = 'done' | 'interrupted' | { readonly failure: string; readonly code: number | null };

/** Runs `soma` with these arguments to its end. */
export async function runChild(args: readonly string[], options: ChildOptions): Promise<Outcome> {
  const { log: path, signal, claim } = options;
  // Its own file, not a pipe through us: it may outlive this process.
  const log = await openLog(path);
  const { size: before } = await log.stat();
  // A process group of its own: a Ctrl-C at the terminal reaches it once, through us, and it writes a checkpoint.
  const child = spawn(process.execPath, [MAIN, ...args], {
    detached: true,
    stdio: ['pipe', log.fd, log.fd],
    env: { ...process.env, [WAITS]: '1' },
  });
  // Told to begin to a child that has ended already.
  child.stdin?.on('error', () => {});
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  const ended = new Promise<{ code: number | null; killedBy: NodeJS.Signals | null }>((resolve, reject) =>
    child.once('error', reject).once('close', (code, killedBy) => resolve({ code, killedBy })),
  );
  try {
    if (child.pid) await claim.share(child.pid);
    if (signal.aborted) stop();
    child.stdin?.end('begin\n');
    const { code, killedBy } = await ended;
    if (code === EXIT.ok) return 'done';
    if (signal.aborted || code === EXIT.interrupted) return 'interrupted';
    if (killedBy) return { failure: `ended by ${killedBy}, as a system short of memory does`, code: null };
    return { failure: (await lastLine(log, before)) || `exit code ${code}`, code: code ?? EXIT.failed };
  } finally {
    signal.removeEventListener('abort', stop);
    child.stdin?.destroy();
    await log.close();
  }
}

async function openLog(path: string): Promise<FileHandle> {
  await makeFolder(dirname(path));
  try {
    return await open(path, 'a+');
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** The last line of what was written behind the first `before` bytes. */
async function lastLine(log: FileHandle, before: number): Promise<string> {
  const { size } = await log.stat();
  const start = Math.max(before, size - 2000);
  const { buffer, bytesRead } = await log.read(Buffer.alloc(size - start), 0, size - start, start);
  return buffer.toString('utf8', 0, bytesRead).trim().split('\n').at(-1) ?? '';
}

/** Options of the engine as a child takes them. */
export interface ChildEngine {
  readonly engine: string;
  readonly threads?: number;
  readonly isa?: string;
}

export function engineArguments({ engine, threads, isa }: ChildEngine): string[] {
  return [
    '--engine',
    engine,
    ...(threads ? ['--threads', `${threads}`] : []),
    ...(isa ? ['--isa', isa] : []),
  ];
}

/** A command line as one types it into a shell. */
export function commandLine(args: readonly string[]): string {
  return ['soma', ...args].map(quoted).join(' ');
}
