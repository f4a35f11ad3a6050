/** A command of Soma in a process of its own, for work that takes long: its words go to a log, and it can be stopped. */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT } from '../errors.ts';
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

export type Outcome = 'done' | 'interrupted' | { readonly failure: string };

/** Runs `soma` with these arguments to its end. */
export async function runChild(args: readonly string[], options: ChildOptions): Promise<Outcome> {
  const { log: path, signal, claim } = options;
  await mkdir(dirname(path), { recursive: true });
  const log = createWriteStream(path, { flags: 'a' });
  // A process group of its own: a Ctrl-C at the terminal reaches it once, through us, and it writes a checkpoint.
  const child = spawn(process.execPath, [MAIN, ...args], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, [WAITS]: '1' },
  });
  // Told to begin to a child that has ended already.
  child.stdin.on('error', () => {});
  let said = '';
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  child.stderr.on('data', (text) => {
    said = (said + text).slice(-2000);
  });
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  const ended = new Promise<{ code: number | null; killedBy: NodeJS.Signals | null }>((resolve, reject) =>
    child.once('error', reject).once('close', (code, killedBy) => resolve({ code, killedBy })),
  );
  try {
    if (child.pid) await claim.share(child.pid);
    if (signal.aborted) stop();
    child.stdin.end('begin\n');
    const { code, killedBy } = await ended;
    if (code === EXIT.ok) return 'done';
    if (signal.aborted || code === EXIT.interrupted) return 'interrupted';
    if (killedBy) return { failure: `ended by ${killedBy}, as a system short of memory does` };
    return { failure: said.trim().split('\n').at(-1) || `exit code ${code}` };
  } finally {
    signal.removeEventListener('abort', stop);
    child.stdin.destroy();
    log.end();
  }
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

function quoted(word: string): string {
  return /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
