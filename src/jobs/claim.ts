/**
 * Who does which piece of work, among processes that share a folder. A claim is a numbered file in it that can be
 * made only once; it holds as long as a process named in it lives. A dead one's is superseded by the next number, so
 * that two who find it dead cannot both have it.
 */
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { writeAside } from '../files.ts';

interface Holder {
  readonly pid: number;
  /** Clock tick at which the process began: another one may get its number later. Null where the system does not say. */
  readonly began: string | null;
}

interface ClaimFile {
  readonly host: string;
  readonly holders: readonly Holder[];
}

export interface Claim {
  /** Names a process that does the work for this one, and may outlive it. */
  share(pid: number): Promise<void>;
  /** Gives it up before this process ends. */
  release(): Promise<void>;
}

async function beginOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return text ? (text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null) : null;
}

async function isAlive({ pid, began }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return began === null || (await beginOf(pid)) === began;
}

/** Seconds for which a file without a word is taken for one that is being written; later its writer is dead. */
const WRITING = 5;

/** True where a holder lives, and where that cannot be seen because it is on another machine. */
async function holds(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => null);
  // Released this moment: the next round will find it free.
  if (text === null) return true;
  try {
    const { host, holders } = JSON.parse(text) as ClaimFile;
    if (host !== hostname()) return true;
    return (await Promise.all(holders.map(isAlive))).some(Boolean);
  } catch {
    const made = await stat(path).catch(() => null);
    return made === null || Date.now() - made.mtimeMs < 1000 * WRITING;
  }
}

/** Claims the work `id`, or null where another process has it. */
export async function claim(folder: string, id: string): Promise<Claim | null> {
  await mkdir(folder, { recursive: true });
  const prefix = `${id}.`;
  const numbers = (await readdir(folder)).flatMap((name) => {
    const number = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN;
    return Number.isInteger(number) ? [number] : [];
  });
  const last = Math.max(0, ...numbers);
  if (last > 0 && (await holds(join(folder, `${prefix}${last}`)))) return null;
  const path = join(folder, `${prefix}${last + 1}`);
  const self: Holder = { pid: process.pid, began: await beginOf(process.pid) };
  const write = (holders: readonly Holder[]) =>
    JSON.stringify({ host: hostname(), holders } satisfies ClaimFile);
  try {
    await writeFile(path, write([self]), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return null;
    throw error;
  }
  return {
    share: async (pid) => writeAside(path, write([self, { pid, began: await beginOf(pid) }])),
    release: () => rm(path, { force: true }),
  };
}
