/** `soma bench RUN…`: latency, throughput and size of trained networks. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { makeFolder, writeAside } from '../files.ts';
import { latencyTable, sizeTable } from '../report/latency.ts';
import { type Format, type ResultTable, tableTexts } from '../report/tables.ts';
import { openRunData } from '../train/open-run.ts';
import { benchRun, type RunBench } from '../train/run-bench.ts';
import { RunFolder } from '../train/run-folder.ts';
import { columns, print, say, sayTables } from './io.ts';
import { reportFolder } from './report-folder.ts';

/** Whether what is named is a run rather than a system. */
export function isRun(path: string): boolean {
  return existsSync(join(path, 'config.json'));
}

export interface RunBenchFlags {
  /** Path of the images, or `noise`; left out: those of each run. */
  readonly data?: string;
  readonly batchSize?: number;
  readonly seconds: number;
  readonly out?: string;
  readonly format: readonly Format[];
  readonly json?: boolean;
}

const BATCH = 64;

export async function benchRuns(
  paths: readonly string[],
  engine: Engine,
  flags: RunBenchFlags,
): Promise<void> {
  const { data, seconds, batchSize = BATCH, json } = flags;
  const results: { name: string; bench: RunBench }[] = [];
  const folders = paths.map((path) => new RunFolder(path));
  for (const run of folders) {
    const config = await run.config();
    const dataset = data === 'noise' ? null : await openRunData(config, data);
    try {
      const bench = await benchRun({ run, config, engine, dataset, batchSize, seconds, onProgress: say });
      await writeAside(run.file('latency.json'), `${JSON.stringify(bench, null, 2)}\n`);
      results.push({ name: run.name, bench });
    } finally {
      await dataset?.close();
    }
  }
  const tables = [latencyTable(results), sizeTable(results)];
  const out = reportFolder('bench', flags.out, folders);
  await sayBenchTables(out, tables, flags.format);
  const text = tables.map((table) => columns(tableTexts(table))).join('\n\n');
  print(
    results.map(({ name, bench }) => ({ run: name, ...bench })),
    text,
    json,
  );
}

/** A bench leaves no report: its tables have a folder of their own, made where they are asked for. */
export async function sayBenchTables(
  out: string,
  tables: readonly ResultTable[],
  formats: readonly Format[],
): Promise<void> {
  if (formats.length === 0) return;
  await makeFolder(out);
  await sayTables(join(out, 'tables'), 'Bench', tables, formats);
}
