/** Where a command leaves what it drew and measured. */
import { join } from 'node:path';
import { EXIT, SomaError } from '../errors.ts';
import { RunFolder } from '../train/run-folder.ts';

/** Throws, before anything is measured, where the folder that the user named is a run's: reports have names that runs have too. */
export function refuseRun(out: string | undefined, name: string): void {
  if (out !== undefined && new RunFolder(out).isTaken())
    throw new SomaError(
      `${out}: expected a folder for a report, got a run; name one in it, e.g. ${join(out, name)}`,
      EXIT.usage,
    );
}

/** The folder that the user named; else one in the run, or for several runs here. */
export function reportFolder(name: string, out: string | undefined, runs: readonly RunFolder[]): string {
  if (out !== undefined) return out;
  return runs.length > 1 ? name : runs[0].file(name);
}
