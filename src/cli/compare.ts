/** `soma compare`: several runs side by side, with paired tests on the same images. */
import { dirname, extname } from 'node:path';
import type { Command } from 'commander';
import { EXIT, SomaError } from '../errors.ts';
import { makeFolder, writeAside } from '../files.ts';
import { verdictSentence } from '../measure/paired.ts';
import { analysisTables } from '../report/analysis-tables.ts';
import { collectReport } from '../report/collect.ts';
import { compareRuns, comparisonFigures, renderComparison } from '../report/comparison-report.ts';
import { writeFigures } from '../report/figure.ts';
import { bytes, duration, median, percentInterval } from '../report/format.ts';
import { comparisonTables } from '../report/result-tables.ts';
import type { NamedRun } from '../report/setup-sections.ts';
import type { Format } from '../report/tables.ts';
import { RunFolder } from '../train/run-folder.ts';
import { columns, print, sayTables } from './io.ts';
import { withFormat } from './options.ts';

interface CompareFlags {
  readonly out: string;
  readonly format: readonly Format[];
  readonly json?: boolean;
}

export function addCompare(program: Command): void {
  withFormat(program.command('compare'))
    .argument('<runs...>', 'two or more run folders that were evaluated on the same images')
    .description('Compare runs: a table, paired tests, an HTML report, and its figures as SVG beside it')
    .option('--out <file>', 'where the report goes', 'comparison.html')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  soma compare runs/demo/scnn runs/demo/ae-cnn --out comparison.html')
    .action(run);
}

async function run(paths: string[], { out, format, json }: CompareFlags): Promise<void> {
  if (paths.length < 2)
    throw new SomaError(`compare: expected two or more runs, got ${paths.length}; name another`, EXIT.usage);
  if (!/\.html?$/i.test(out))
    throw new SomaError(`compare: expected the name of an .html file as --out, got ${out}`, EXIT.usage);
  await makeFolder(dirname(out));
  const reports = await Promise.all(paths.map((path) => collectReport(new RunFolder(path))));
  const compared = compareRuns(reports);
  const figures = await comparisonFigures(compared);
  await writeAside(out, renderComparison(compared, figures));
  const folder = `${withoutEnding(out)}-figures`;
  await writeFigures(folder, figures);
  const title = `Comparison of ${compared.runs.map(({ name }) => name).join(', ')}`;
  const tables = [...comparisonTables(compared), ...analysisTables(compared.runs)];
  await sayTables(withoutEnding(out), title, tables, format);
  const rows = compared.runs.map(({ name, run: { test, parameters, sizes, history } }) => [
    name,
    percentInterval(test?.metrics.accuracy ?? null),
    percentInterval(test?.metrics.macro.f1 ?? null),
    percentInterval(test?.metrics.macroAuc ?? null),
    parameters.toLocaleString('en'),
    bytes(sizes.weightsBytes),
    history.length > 0 ? duration(median(history.map((record) => record.seconds))) : '–',
    sizes.peakBytes > 0 ? bytes(sizes.peakBytes) : '–',
  ]);
  const table = columns([
    ['run', 'accuracy', 'macro F1', 'macro AUC', 'parameters', 'weights', 'epoch', 'step memory'],
    ...rows,
  ]);
  const tests = compared.pairs.map(({ comparison, first, second, adjustedP }) =>
    verdictSentence(comparison, first, second, adjustedP),
  );
  print(
    { ...compared, runs: compared.runs.map(withoutPlate), report: out, figures: folder },
    [table, '', ...tests, ...compared.notes, '', `report ${out}`, `figures ${folder}`].join('\n'),
    json,
  );
}

/** A picture is nothing to print. */
function withoutPlate({ name, run }: NamedRun) {
  const { explain, ...analyses } = run.analyses ?? {};
  return { name, run: { ...run, analyses } };
}

function withoutEnding(path: string): string {
  return path.slice(0, path.length - extname(path).length);
}
