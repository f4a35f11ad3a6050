/** What `soma bench RUN` measured, as tables for the terminal and for reports. */
import { readFile } from 'node:fs/promises';
import { type RunBench, runBenchSchema } from '../train/run-bench.ts';
import type { RunFolder } from '../train/run-folder.ts';
import { bytes, decimal, megabytes, NONE, whole } from './format.ts';

interface Benched {
  readonly name: string;
  readonly bench: RunBench;
}

/** What a run was measured to take; undefined where it was not. */
export async function readLatency(run: RunFolder): Promise<RunBench | undefined> {
  const text = await readFile(run.file('latency.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : runBenchSchema.parse(JSON.parse(text));
}

const milliseconds = (value: number) => decimal(value, value < 10 ? 3 : 1);

/** Header and rows: one image at a time, and many. */
export function latencyRows(runs: readonly Benched[]): string[][] {
  const header = ['run', 'px', 'T', '1 image: median, ms', 'mean, ms', '95 %, ms', 'runs'];
  const rows = runs.map(({ name, bench: { size, timeSteps, single, batch } }) => [
    ...[name, `${size}`, timeSteps === null ? NONE : `${timeSteps}`],
    ...[single.milliseconds.median, single.milliseconds.mean, single.milliseconds.p95].map(milliseconds),
    `${single.milliseconds.runs}`,
    `${batch.batchSize}`,
    milliseconds(batch.milliseconds.median),
    whole(batch.imagesPerSecond),
    bytes(batch.memory),
  ]);
  return [[...header, 'batch', 'median, ms', 'images/s', 'memory'], ...rows];
}

/** Header and rows: megabytes of 10⁶ and mebibytes of 2²⁰ bytes. */
export function sizeRows(runs: readonly Benched[]): string[][] {
  const size = (count: number | null) => (count === null ? NONE : megabytes(count));
  return [
    ['run', 'weights', 'with optimizer slots', 'file', 'file with slots'],
    ...runs.map(({ name, bench: { bytes: of } }) => [
      name,
      ...[of.weights, of.withSlots, of.file, of.lastFile].map(size),
    ]),
  ];
}

/** The machine that a run was measured on, and what it was shown. */
export function machineText({ environment: e, images }: RunBench): string {
  return `${e.threads} threads of ${e.cores} on ${e.cpu}, ${e.engine} engine, ${e.isa}; images of ${images}`;
}
