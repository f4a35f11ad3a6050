/**
 * What analyses of a run found: `analyses/<name>.json` in its folder, what was measured last on its own data. Reports of the
 * run and comparisons show it. Where a report of an analysis goes, or which other runs stand in it, makes no difference here.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { SomaError } from '../errors.ts';
import type { Faithfulness } from '../explain/faithfulness.ts';
import { makeFolder, writeAside } from '../files.ts';
import type { RobustnessPoint } from '../measure/robustness.ts';
import type { RunConfig } from '../train/config.ts';
import type { RunEnergy } from '../train/energy.ts';
import type { Weights } from '../train/open-run.ts';
import type { RunFolder } from '../train/run-folder.ts';
import type { UsedMethod } from './explain-report.ts';
import type { Figure } from './figure.ts';
import type { ReviewNumbers } from './review-page.ts';
import type { SpikeNumbers } from './spikes-report.ts';

/** Each with the name of the data and of the split, and what else it depends on. */
export interface Analyses {
  readonly spikes?: { readonly data: string; readonly spikes: SpikeNumbers };
  readonly energy?: {
    readonly data: string;
    readonly split: string;
    readonly machine: string;
    readonly onChip: number | null;
    readonly energy: RunEnergy;
  };
  readonly robustness?: {
    readonly data: string;
    readonly images: number;
    readonly seed: number;
    /** All that were ever measured of these weights, images and seed. */
    readonly points: readonly RobustnessPoint[];
  };
  readonly explain?: {
    readonly data: string;
    readonly images: number;
    readonly methods: readonly UsedMethod[];
    /** An image of each class. */
    readonly plate: Figure;
  };
  readonly faithfulness?: { readonly data: string; readonly seed: number; readonly result: Faithfulness };
  readonly review?: { readonly data: string; readonly method: string; readonly numbers: ReviewNumbers };
}

export type AnalysisName = keyof Analyses;

/** What a change of the form of these files raises: older ones count as not measured. */
const FORM = 2;

const fileSchema = z.looseObject({
  form: z.int(),
  /** Epochs of the run at that time: one that went on learning has other weights. */
  epochs: z.int(),
  analysis: z.looseObject({ data: z.string() }),
});

const list = z.array(z.unknown());
const of = <Shape extends z.core.$ZodLooseShape>(shape: Shape) => z.looseObject(shape);

/** What reports count on first; Soma wrote the rest, too. */
const SHAPES: { readonly [Name in AnalysisName]: z.ZodType } = {
  spikes: of({ spikes: of({ classes: list, layers: list, suppressions: list, rasters: list }) }),
  energy: of({ split: z.string(), energy: of({ network: of({ layers: list }), warnings: list }) }),
  robustness: of({ images: z.int(), points: list }),
  explain: of({ methods: list, plate: of({ svg: z.string(), title: z.string(), description: z.string() }) }),
  faithfulness: of({ result: of({ images: z.int(), rankings: list }) }),
  review: of({ method: z.string(), numbers: of({ classes: list, joint: list, counts: of({}) }) }),
};

const NAMES = Object.keys(SHAPES) as AnalysisName[];

const fileOf = (run: RunFolder, name: AnalysisName) => run.file(`analyses/${name}.json`);

/** Keeps what was found, unless it was found on other data or with other weights than the run is tested with; whether it did. */
export async function keepAnalysis<Name extends AnalysisName>(
  run: RunFolder,
  config: RunConfig,
  name: Name,
  analysis: NonNullable<Analyses[Name]>,
  measured: { readonly data?: string; readonly weights?: Weights } = {},
): Promise<boolean> {
  const { data, weights = config.settings.evaluate } = measured;
  if (data !== undefined || weights !== config.settings.evaluate) return false;
  await makeFolder(run.file('analyses'));
  const epochs = (await run.history()).length;
  await writeAside(fileOf(run, name), `${JSON.stringify({ form: FORM, epochs, analysis })}\n`);
  return true;
}

/** @param epochs that the run has learnt for */
export async function readAnalyses(run: RunFolder, epochs: number): Promise<Analyses> {
  const found = await Promise.all(
    NAMES.map(async (name) => {
      const text = await readFile(fileOf(run, name), 'utf8').catch(() => undefined);
      const file = text === undefined ? undefined : parse(name, text, fileOf(run, name));
      return file?.form === FORM && file.epochs === epochs ? [[name, file.analysis] as const] : [];
    }),
  );
  return Object.fromEntries(found.flat());
}

function parse(name: AnalysisName, text: string, path: string): z.output<typeof fileSchema> {
  try {
    const file = fileSchema.parse(JSON.parse(text));
    // Of another form the shape is another.
    if (file.form === FORM) SHAPES[name].parse(file.analysis);
    return file;
  } catch (error) {
    throw new SomaError(
      `${path}: expected what an analysis left, got ${reasonOf(error)}; delete it, and make it again`,
    );
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof z.ZodError)) return (error as Error).message;
  const [{ message, path }] = error.issues;
  return `${message} at ${path.join('.')}`;
}
