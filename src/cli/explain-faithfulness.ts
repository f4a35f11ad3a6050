/** `soma explain --faithfulness`: how far to trust the maps of runs, over many images. */
import { EXIT, SomaError } from '../errors.ts';
import { openExplaining } from '../explain/explain.ts';
import { type Faithfulness, measureFaithfulness } from '../explain/faithfulness.ts';
import { openJournal } from '../explain/faithfulness-journal.ts';
import { openMasks } from '../explain/masks.ts';
import type { FaithfulRun } from '../report/figures/faithfulness-figure.ts';
import { rankingTitle } from '../report/figures/faithfulness-figure.ts';
import { interval, NONE, percentInterval } from '../report/format.ts';
import { askedClass, type ExplainFlags, optionsOf } from './explain-flags.ts';
import { chooseAcross } from './explain-images.ts';
import { methodsOf, type OpenedRun } from './explain-runs.ts';
import { columns, say } from './io.ts';

/** Parts that pixels are taken away in. */
const PARTS = 32;

/** The same images for every run. */
export async function measureRuns(
  runs: readonly OpenedRun[],
  flags: ExplainFlags,
  signal: AbortSignal,
): Promise<FaithfulRun[]> {
  const measured: FaithfulRun[] = [];
  for (const run of runs)
    measured.push({ name: run.folder.name, result: await measureRun(run, flags, signal) });
  return measured;
}

async function measureRun(run: OpenedRun, flags: ExplainFlags, signal: AbortSignal): Promise<Faithfulness> {
  const { config, network, folder } = run;
  const { images, indices } = await chooseAcross(config, flags);
  const readMask = openMasks(flags.data ?? config.data.source, flags.split, config.data, flags.masks);
  const masks = readMask && (await Promise.all(images.map(({ name }, i) => readMask(indices[i], name))));
  const asked = askedClass(flags.class, config.data.classes);
  const options = optionsOf(flags);
  const result = await measureFaithfulness({
    ...{ network, images, masks, parts: PARTS, seed: flags.seed, signal },
    methods: methodsOf(run, flags.method, undefined),
    explain: await openExplaining({ network, asked, options }),
    fill: { deletion: flags.fill ?? 'mean', insertion: flags.fill ?? 'blurred' },
    journal: await openJournal(folder, config.settings.evaluate, { asked, options }),
    onProgress: (done, total) => say(`${folder.name} faithfulness ${done}/${total}`),
  });
  if (result) return result;
  throw new SomaError(
    `explain: stopped in ${folder.name}; the same command goes on with its faithfulness`,
    EXIT.interrupted,
  );
}

export function faithfulnessText(runs: readonly FaithfulRun[]): string {
  const rows = runs.flatMap(({ name, result }) =>
    result.rankings.map(({ ranking, deletion, insertion, nucleus }) => [
      name,
      rankingTitle(ranking),
      interval(deletion),
      interval(insertion),
      ...(result.nucleusArea
        ? ranking === 'random'
          ? [percentInterval(result.nucleusArea), percentInterval(result.nucleusArea)]
          : [percentInterval(nucleus?.heat ?? null), percentInterval(nucleus?.pointing ?? null)]
        : [NONE, NONE]),
    ]),
  );
  const heads = ['run', 'order', 'deletion', 'insertion', 'heat on nucleus, %', 'hottest pixel on it, %'];
  return columns([heads, ...rows]);
}
