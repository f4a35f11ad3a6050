/** The page of `soma compare`, for tests: runs are compared, drawn and rendered. */
import type { BootstrapOptions } from '../src/measure/bootstrap.ts';
import { compareRuns, comparisonFigures, renderComparison } from '../src/report/comparison-report.ts';
import type { RunReport } from '../src/report/types.ts';

interface PageOptions extends BootstrapOptions {
  readonly title?: string;
}

export async function comparisonPage(
  reports: readonly RunReport[],
  { title, ...bootstrap }: PageOptions = {},
): Promise<string> {
  const compared = compareRuns(reports, bootstrap);
  return renderComparison(compared, await comparisonFigures(compared), title);
}
