/** Keeps what a command found of a run for its report, and says so. */
import { relative } from 'node:path';
import { SomaError } from '../errors.ts';
import { type Analyses, type AnalysisName, keepAnalysis } from '../report/analyses.ts';
import type { Weights } from '../train/open-run.ts';
import type { RunFolder } from '../train/run-folder.ts';
import { say } from './io.ts';

/** @param measured what the command was told: other data or other weights are not for the report of the run */
export async function keepForReport<Name extends AnalysisName>(
  run: RunFolder,
  name: Name,
  analysis: NonNullable<Analyses[Name]>,
  measured: { readonly data?: string; readonly weights?: Weights } = {},
): Promise<void> {
  try {
    const kept = await keepAnalysis(run, await run.config(), name, analysis, measured);
    if (kept)
      say(`kept   for the report of the run: soma report ${relative(process.cwd(), run.path) || '.'}`);
  } catch (error) {
    if (!(error instanceof SomaError)) throw error;
    // What was measured is not lost for that: the command has a report of its own.
    say(`not kept for the report of the run. ${error.message}`);
  }
}
