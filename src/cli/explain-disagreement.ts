/** `soma explain --against`: where one run is right and another is not, and what each looks at there. */
import type { Dataset } from '../data/dataset.ts';
import { EXIT, SomaError } from '../errors.ts';
import { type ExplainedImage, explainImages } from '../explain/explain.ts';
import { type Disagreement, disagreement, KINDS, type Kind } from '../measure/disagreement.ts';
import { comparePaired, verdictSentence } from '../measure/paired.ts';
import type { Predictions } from '../measure/predictions.ts';
import { disagreementPlate, type PlateStyle } from '../report/explain-plates.ts';
import type { Figure } from '../report/figure.ts';
import { drawPlate } from '../report/plate.ts';
import { openEvaluator } from '../train/evaluator.ts';
import { openRunData } from '../train/open-run.ts';
import { askedClass, type ExplainFlags, optionsOf } from './explain-flags.ts';
import { imagesAt } from './explain-images.ts';
import { methodsOf, type OpenedRun } from './explain-runs.ts';
import { say } from './io.ts';

/** Images of each kind that are shown, at most. */
const SHOWN = 6;

export interface Compared {
  readonly names: readonly [string, string];
  readonly result: Disagreement;
  /** In words, with p-value. */
  readonly verdict: string;
  readonly plates: readonly Figure[];
}

/** @param pair the first has the images */
export async function compareRunsOn(
  pair: readonly [OpenedRun, OpenedRun],
  flags: ExplainFlags,
  style: PlateStyle,
  signal: AbortSignal,
): Promise<Compared> {
  const names = [pair[0].folder.name, pair[1].folder.name] as const;
  const dataset = await openRunData(pair[0].config, flags.data);
  try {
    const said = [await predict(pair[0], dataset, flags), await predict(pair[1], dataset, flags)] as const;
    const result = disagreement(...said);
    const verdict = verdictSentence(comparePaired(...said), ...names);
    const plates: Figure[] = [];
    for (const kind of KINDS) {
      const indices = result.indices[kind].slice(0, SHOWN);
      if (indices.length === 0) continue;
      const images = await imagesAt(dataset.splits[flags.split], dataset, indices);
      const explained: ExplainedImage[][] = [];
      for (const run of pair) {
        explained.push(
          await explainImages({
            ...{ network: run.network, images, signal },
            methods: methodsOf(run, flags.method, ['grad-cam']),
            asked: askedClass(flags.class, style.classes),
            options: optionsOf(flags),
          }),
        );
        if (signal.aborted) throw new SomaError('explain: stopped', EXIT.interrupted);
      }
      const slug = `${kind}-${names.join('-against-')}`.replaceAll(/[^\w.-]+/g, '_');
      const plate = disagreementPlate({ slug, title: titleOf(kind, names) }, names, explained, style);
      plates.push(await drawPlate(plate));
    }
    return { names, result, verdict, plates };
  } finally {
    await dataset.close();
  }
}

async function predict(
  { folder, config, session }: OpenedRun,
  dataset: Dataset,
  { split }: ExplainFlags,
): Promise<Predictions> {
  say(`${folder.name}: predictions of ${dataset.splits[split].length} images`);
  const weights = config.settings.evaluate;
  const evaluator = await openEvaluator({ run: folder, config, session, dataset, split, weights });
  return (await evaluator()).predictions;
}

export function titleOf(kind: Kind, [first, second]: readonly [string, string]): string {
  switch (kind) {
    case 'both':
      return 'Both right';
    case 'first':
      return `Only ${first} right`;
    case 'second':
      return `Only ${second} right`;
    case 'neither':
      return 'Neither right';
  }
}
