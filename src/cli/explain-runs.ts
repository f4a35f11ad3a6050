/** Finished runs, opened to be explained beside each other. */
import type { Session } from '../engine/engine.ts';
import { openEngine } from '../engine/select.ts';
import { mismatch } from '../errors.ts';
import { METHODS, type MethodName, methodsFor } from '../explain/methods.ts';
import { type Network, networkOf } from '../explain/network.ts';
import type { RunConfig } from '../train/config.ts';
import { RunFolder } from '../train/run-folder.ts';
import { say } from './io.ts';
import type { EngineOptions } from './options.ts';
import { expectSameImages } from './same-images.ts';

export interface OpenedRun {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly session: Session;
  readonly network: Network;
}

/** The first run, and those to set beside it; `body` has them until it ends. */
export async function withRuns<R>(
  paths: readonly string[],
  flags: EngineOptions & { readonly data?: string },
  body: (runs: readonly OpenedRun[]) => Promise<R>,
): Promise<R> {
  const runs: OpenedRun[] = [];
  const engine = openEngine(flags);
  try {
    for (const path of paths) {
      const folder = new RunFolder(path);
      const config = await folder.config();
      const session = engine.createSession();
      runs.push({
        folder,
        config,
        session,
        network: networkOf(folder, config, session, config.settings.evaluate),
      });
      checkSameShape(runs[0], runs[runs.length - 1]);
    }
    // Images that one run was tested on may be those that another has learnt.
    if (flags.data === undefined)
      expectSameImages(runs.map(({ folder, config }) => ({ folder, fingerprint: config.data.fingerprint })));
    return await body(runs);
  } finally {
    for (const { session } of runs) session.close();
  }
}

function checkSameShape(first: OpenedRun, other: OpenedRun): void {
  const shapeOf = ({ config: { data } }: OpenedRun) =>
    `images of ${data.height}×${data.width}×${data.channels} of ${data.classes.join(', ')}`;
  if (shapeOf(first) !== shapeOf(other))
    throw mismatch(
      other.folder.path,
      shapeOf(first),
      shapeOf(other),
      'compare runs on the same data and size',
    );
}

/** The methods that were asked for, or `usual` ones, without those that the network has no spikes for. */
export function methodsOf(
  { folder, network }: OpenedRun,
  wanted: readonly MethodName[] | undefined,
  usual: readonly MethodName[] | undefined,
): readonly MethodName[] {
  const possible = methodsFor(network.spec);
  const methods = wanted ?? usual ?? possible;
  const left = methods.filter((method) => !possible.includes(method));
  if (left.length > 0 && left.length < methods.length)
    say(
      `${folder.name} has no spikes to look at: without ${left.map((name) => METHODS[name].title).join(', ')}`,
    );
  // Where nothing is left, the method itself says what is missing.
  return left.length < methods.length ? methods.filter((method) => possible.includes(method)) : methods;
}
