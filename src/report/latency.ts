/** What `soma bench` measured of runs, as tables for the terminal, for reports and for other programs. */
import { readFile } from 'node:fs/promises';
import { type RunBench, runBenchSchema } from '../train/run-bench.ts';
import type { RunFolder } from '../train/run-folder.ts';
import { bytes, decimal, megabytes, whole } from './format.ts';
import { plain, type ResultTable, resultTable } from './tables.ts';

export interface Benched {
  readonly name: string;
  readonly bench: RunBench;
}

/** What a run was measured to take; undefined where it was not. */
export async function readLatency(run: RunFolder): Promise<RunBench | undefined> {
  const text = await readFile(run.file('latency.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : runBenchSchema.parse(JSON.parse(text));
}

const milliseconds = (value: number) => decimal(value, value < 10 ? 3 : 1);

/** One image at a time, and many. */
export function latencyTable(runs: readonly Benched[]): ResultTable {
  const machines = new Set(runs.map(({ bench }) => machineText(bench)));
  const caption = `Latency and throughput of the network alone, without reading images. ${[...machines].join('; ')}.`;
  return resultTable('latency', caption, runs, [
    plain('run', 'run', ({ name }) => name),
    plain('pixels', 'px', ({ bench }) => bench.size),
    plain('time_steps', 'T', ({ bench }) => bench.timeSteps),
    plain('median_ms', '1 image: median, ms', ({ bench }) => bench.single.milliseconds.median, milliseconds),
    plain('mean_ms', 'mean, ms', ({ bench }) => bench.single.milliseconds.mean, milliseconds),
    plain('p95_ms', '95 %, ms', ({ bench }) => bench.single.milliseconds.p95, milliseconds),
    plain('runs', 'runs', ({ bench }) => bench.single.milliseconds.runs),
    plain('batch', 'batch', ({ bench }) => bench.batch.batchSize),
    plain('batch_median_ms', 'median, ms', ({ bench }) => bench.batch.milliseconds.median, milliseconds),
    plain('images_per_second', 'images/s', ({ bench }) => bench.batch.imagesPerSecond, whole),
    plain('batch_memory_bytes', 'memory', ({ bench }) => bench.batch.memory, bytes),
  ]);
}

export function sizeTable(runs: readonly Benched[]): ResultTable {
  const caption = 'Size in megabytes (10⁶ bytes) and mebibytes (2²⁰ bytes).';
  return resultTable('sizes', caption, runs, [
    plain('run', 'run', ({ name }) => name),
    plain('weights_bytes', 'weights', ({ bench }) => bench.bytes.weights, megabytes),
    plain('with_slots_bytes', 'with optimizer slots', ({ bench }) => bench.bytes.withSlots, megabytes),
    plain('file_bytes', 'file', ({ bench }) => bench.bytes.file, megabytes),
    plain('file_with_slots_bytes', 'file with slots', ({ bench }) => bench.bytes.lastFile, megabytes),
  ]);
}

/** The machine that a run was measured on, and what it was shown. */
function machineText({ environment: e, images }: RunBench): string {
  return `${e.threads} threads of ${e.cores} on ${e.cpu}, ${e.engine} engine, ${e.isa}; images of ${images}`;
}
