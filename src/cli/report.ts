/** `soma report`: the report of a run, made again from what lies in its folder: nothing is measured. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { Dataset } from '../data/dataset.ts';
import { EXIT, SomaError } from '../errors.ts';
import { analysisTables } from '../report/analysis-tables.ts';
import { collectReport } from '../report/collect.ts';
import { percentInterval } from '../report/format.ts';
import { metricsTables } from '../report/result-tables.ts';
import type { Format } from '../report/tables.ts';
import { openRunData } from '../train/open-run.ts';
import { RunFolder } from '../train/run-folder.ts';
import { writeReport } from './finish.ts';
import { columns, print, say, sayTables } from './io.ts';
import { withFormat } from './options.ts';
import { readReconstructions } from './reconstructions.ts';

interface ReportFlags {
  readonly format: readonly Format[];
  readonly json?: boolean;
}

export function addReport(program: Command): void {
  withFormat(program.command('report'))
    .argument('<runs...>', 'run folders; each gets its own report')
    .description('The report of a run with all that has been measured of it since it was trained')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Example:
  soma robustness runs/demo/scnn
  soma spikes runs/demo/scnn
  soma report runs/demo/scnn --format md

Nothing is measured: what spikes, energy, robustness, explain, review and bench found last of the run, on its own data, is
put into its report.html; what has not been measured is named there with its command. soma compare sets runs side by side.`,
    )
    .action(run);
}

async function run(paths: string[], { format, json }: ReportFlags): Promise<void> {
  const results = [];
  for (const path of paths) {
    const folder = new RunFolder(path);
    if (existsSync(folder.file('ensemble.json')))
      throw new SomaError(
        `${folder.path}: expected a run, got an ensemble; soma ensemble has written its report`,
        EXIT.usage,
      );
    const report = await collectReport(folder);
    const dataset = await dataOf(folder);
    try {
      const file = await writeReport(folder, report, dataset, await readReconstructions(folder));
      const { test, analyses = {}, latency } = report;
      const tables = [
        ...(test ? metricsTables(test.metrics) : []),
        ...analysisTables([{ name: report.name, run: report }]),
      ];
      await sayTables(folder.file('report'), `${report.system.title} on ${report.data.name}`, tables, format);
      const measured = [...Object.keys(analyses), ...(latency ? ['bench'] : [])];
      results.push({ run: folder.path, report: file, accuracy: test?.metrics.accuracy ?? null, measured });
    } finally {
      await dataset?.close();
    }
  }
  const rows = results.map(({ report, accuracy, measured }) => [
    report,
    percentInterval(accuracy),
    measured.join(', ') || 'nothing yet',
  ]);
  print(results, columns([['report', 'test accuracy, %', 'measured besides'], ...rows]), json);
}

/** For pictures of errors; null where it is gone. */
async function dataOf(folder: RunFolder): Promise<Dataset | null> {
  try {
    return await openRunData(await folder.config());
  } catch (error) {
    if (!(error instanceof SomaError)) throw error;
    say(`${folder.name}: no pictures of errors. ${error.message}`);
    return null;
  }
}
