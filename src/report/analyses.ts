/**
 * What analyses of a run found: `analyses/<name>.json` in its folder, what was measured last on its own data. Reports of the
 * run and comparisons show it. Where a report of an analysis goes, or which other runs stand in it, makes no difference here.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { SomaError } from '../errors.ts';
import type { Faithfulness } from '../explain/faithfulness.ts';
import { writeAside } from '../files.ts';
import type { Robustness } from '../measure/robustness.ts';
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
    readonly result: Robustness;
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

const NAMES = ['spikes', 'energy', 'robustness', 'explain', 'faithfulness', 'review'] as const;

/** What a change of the form of these files raises: older ones count as not measured. */
const FORM = 1;

const fileSchema = z.looseObject({
  form: z.int(),
  /** Epochs of the run at that time: one that went on learning has other weights. */
  epochs: z.int(),
  analysis: z.record(z.string(), z.unknown()),
});

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
  await mkdir(run.file('analyses'), { recursive: true });
  const epochs = (await run.history()).length;
  await writeAside(fileOf(run, name), `${JSON.stringify({ form: FORM, epochs, analysis })}\n`);
  return true;
}

/** @param epochs that the run has learnt for */
export async function readAnalyses(run: RunFolder, epochs: number): Promise<Analyses> {
  const found = await Promise.all(
    NAMES.map(async (name) => {
      const text = await readFile(fileOf(run, name), 'utf8').catch(() => undefined);
      const file = text === undefined ? undefined : parse(text, fileOf(run, name));
      return file?.form === FORM && file.epochs === epochs ? [[name, file.analysis] as const] : [];
    }),
  );
  return Object.fromEntries(found.flat());
}

function parse(text: string, path: string): z.output<typeof fileSchema> {
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new SomaError(
      `${path}: expected what an analysis left, got ${(error as Error).message}; delete it, and make it again`,
    );
  }
}
