/**
 * Who does which piece of work, among processes that share a folder. A claim is a numbered file in it that can be
 * made only once; it holds as long as a process named in it lives. A dead one's is superseded by the next number, so
 * that two who find it dead cannot both have it.
 */
import { link, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { mismatch } from '../errors.ts';
import { makeFolder, nameAside, unwritable, writeAside } from '../files.ts';

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

/** What Linux says of a process, from its state on; none elsewhere. */
async function statusOf(pid: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return text ? text.slice(text.lastIndexOf(')') + 2).split(' ') : [];
}

async function beginOf(pid: number): Promise<string | null> {
  return (await statusOf(pid))[19] ?? null;
}

async function isAlive({ pid, began }: Holder): Promise<boolean> {
  let isForeign = false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    isForeign = (error as NodeJS.ErrnoException).code === 'EPERM';
    if (!isForeign) return false;
  }
  const [state, ...rest] = await statusOf(pid);
  // Another user's process, of which a system may hide when it began.
  if (state === undefined && isForeign) return true;
  // Dead, with nobody there to be told: in a container without an init such processes stay.
  if (state === 'Z' || state === 'X') return false;
  return began === null || rest[18] === began;
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

/** Number of the last claim of a piece of work, 0 where there was none. */
async function lastNumber(folder: string, id: string): Promise<number> {
  const prefix = `${id}.`;
  const numbers = (await readdir(folder)).flatMap((name) => {
    const number = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN;
    return Number.isInteger(number) ? [number] : [];
  });
  return Math.max(0, ...numbers);
}

const fileOf = (folder: string, id: string, number: number) => join(folder, `${id}.${number}`);

/** Makes a file with all of its words at once, or throws EEXIST. */
async function makeWhole(path: string, text: string): Promise<void> {
  const aside = nameAside(path);
  await writeFile(aside, text);
  try {
    await link(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    // A file system without links.
    await writeFile(path, text, { flag: 'wx' });
  } finally {
    await rm(aside, { force: true });
  }
}

/** Who has the work `id`, and what to do where only this machine cannot see that it is gone. */
export async function holderText(folder: string, id: string): Promise<string> {
  const path = fileOf(folder, id, await lastNumber(folder, id));
  try {
    const { host, holders } = JSON.parse(await readFile(path, 'utf8')) as ClaimFile;
    if (host !== hostname()) return `process ${holders[0].pid} on ${host}; if that is gone, delete ${path}`;
    return `process ${holders[0].pid}`;
  } catch {
    return 'another process';
  }
}

/**
 * Claims the work `id` for as long as `body` works. Throws where another process has it.
 * @param expected what would have been right, for the error
 */
export async function claimed<R>(
  folder: string,
  id: string,
  expected: string,
  body: () => Promise<R>,
): Promise<R> {
  const held = await claim(folder, id);
  if (!held)
    throw mismatch(join(folder, id), expected, await holderText(folder, id), 'wait for it, or stop it');
  try {
    return await body();
  } finally {
    await held.release();
  }
}

/** Claims the work `id`, or null where another process has it. */
export async function claim(folder: string, id: string): Promise<Claim | null> {
  await makeFolder(folder);
  const last = await lastNumber(folder, id);
  if (last > 0 && (await holds(fileOf(folder, id, last)))) return null;
  const path = fileOf(folder, id, last + 1);
  const self: Holder = { pid: process.pid, began: await beginOf(process.pid) };
  const write = (holders: readonly Holder[]) =>
    JSON.stringify({ host: hostname(), holders } satisfies ClaimFile);
  try {
    await makeWhole(path, write([self]));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return null;
    throw unwritable(path, error);
  }
  return {
    share: async (pid) => writeAside(path, write([self, { pid, began: await beginOf(pid) }])),
    release: () => rm(path, { force: true }),
  };
}
