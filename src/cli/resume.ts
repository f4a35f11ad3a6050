/** What `soma train --resume` accepts: a run goes on as it was begun, to the same bits, or says that it cannot. */
import type { Command } from 'commander';
import type { EngineInfo } from '../engine/engine.ts';
import { EXIT, SomaError } from '../errors.ts';
import { writeAside } from '../files.ts';
import type { RunConfig } from '../train/config.ts';
import { resolveSource } from '../train/data.ts';
import { openRunData, refuseGrownLog } from '../train/open-run.ts';
import { RunFolder } from '../train/run-folder.ts';
import { claimRun } from './claim-run.ts';

/** Options of `train` that say how long a run is and what executes it; all others were settled at its start. */
const CHANGEABLE = new Set(
  'resume data epochs pauseAfter test checkpointEvery engine threads isa json'.split(' '),
);

export interface ResumeRequest {
  /** The run folder. */
  readonly path: string;
  /** As given on the command line, if at all. */
  readonly system?: string;
  /** Where the data of the run is now, if it was moved. */
  readonly data?: string;
  readonly epochs?: number;
  /** `train`, to see which options were given. */
  readonly command: Command;
}

/** Opens a run to go on with. Throws a usage error where an option would change what the run is. */
export async function reopen({ path, system, data, epochs, command }: ResumeRequest) {
  const fixed = command.options.filter(
    (option) =>
      command.getOptionValueSource(option.attributeName()) === 'cli' &&
      !CHANGEABLE.has(option.attributeName()),
  );
  if (fixed.length > 0)
    throw usage(
      `only --data, --epochs, --pause-after, --no-test, --checkpoint-every, --engine, --threads, --isa and --json beside it, got ${fixed.map(({ long }) => long).join(', ')}`,
    );
  const folder = new RunFolder(path);
  const stored = await folder.config();
  if (system !== undefined && system !== stored.system)
    throw usage(`${stored.system}, the system of the run, got ${system}`);
  if (stored.weightsOf)
    throw usage(`a run that was trained, got one with the weights of ${stored.weightsOf}`);
  await refuseGrownLog(stored);
  const held = await claimRun(folder);
  try {
    await folder.removeLeftovers();
    const source = data === undefined ? stored.data.source : resolveSource(data);
    const moved = { ...stored, data: { ...stored.data, source } };
    const dataset = await openRunData(moved);
    if (epochs === undefined && source === stored.data.source)
      return { folder, held, config: stored, dataset };
    const settings = { ...stored.settings, ...(epochs === undefined ? {} : { epochs }) };
    const config = { ...moved, settings };
    await writeAside(folder.file('config.json'), `${JSON.stringify(config, null, 2)}\n`);
    return { folder, held, config, dataset };
  } catch (error) {
    await held.release();
    throw error;
  }
}

function usage(text: string): SomaError {
  return new SomaError(
    `train --resume: expected ${text}; a run goes on with the settings it began with: leave them out, or start a new run`,
    EXIT.usage,
  );
}

/** Warning where another engine goes on than began: sums are then rounded differently. Threads change nothing. */
export function engineWarning({ environment }: RunConfig, { name, isa }: EngineInfo): string | undefined {
  if (environment.engine === name && environment.isa === isa) return undefined;
  return (
    `the run was begun on ${environment.engine} ${environment.isa} and goes on on ${name} ${isa}: ` +
    'its bits are not those of an uninterrupted run'
  );
}
