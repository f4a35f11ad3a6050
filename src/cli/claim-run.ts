/** One process at a time trains in a run folder: two would write their checkpoints over each other's. */
import { rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EXIT, SomaError } from '../errors.ts';
import { type Claim, claim, holderText } from '../jobs/claim.ts';
import type { RunConfig } from '../train/config.ts';
import { RunFolder } from '../train/run-folder.ts';

const WORK = '.training';

export interface ClaimedRun {
  readonly folder: RunFolder;
  readonly held: Claim;
}

/** Claims a run that is there. Throws a usage error where another process trains it. */
export async function claimRun(folder: RunFolder): Promise<Claim> {
  const held = await claim(folder.path, WORK);
  if (held) return held;
  throw new SomaError(
    `${folder.path}: expected a run that nobody trains, got one in the hands of ${await holderText(folder.path, WORK)}; wait for it, or stop it`,
    EXIT.usage,
  );
}

/**
 * Makes the folder of a new run, and claims it.
 * @param name of the folder
 * @param isGiven whether the user chose the name; one of ours gets a number where another run has it
 * @throws SomaError where the folder holds a run, or another process is making one there
 */
export async function newRun(
  runsDir: string,
  name: string,
  isGiven: boolean,
  config: RunConfig,
): Promise<ClaimedRun> {
  if (/(^|[\\/])\.{1,2}([\\/]|$)|^$/.test(name))
    throw new SomaError(`train: expected a name of a folder as --name, got ${name || 'nothing'}`, EXIT.usage);
  for (let number = 1; ; number++) {
    const path = join(runsDir, number === 1 ? name : `${name}-${number}`);
    const folder = new RunFolder(path);
    if (!isGiven && folder.isTaken()) continue;
    if (isGiven) folder.refuseTaken();
    const held = isGiven ? await claimRun(folder) : await claim(folder.path, WORK);
    if (!held) continue;
    try {
      return { folder: await RunFolder.create(path, { ...config, name: basename(path) }), held };
    } catch (error) {
      await held.release();
      // Only if nothing else is in it.
      await rmdir(folder.path).catch(() => {});
      if (isGiven || !folder.isTaken()) throw error;
    }
  }
}
