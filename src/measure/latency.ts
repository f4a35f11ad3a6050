/** How long something takes when it is run again and again: after a warm-up, until enough time has passed. */
import { z } from 'zod';
import { mismatch } from '../errors.ts';

/** Milliseconds; quantiles are times that were measured, none between two. */
export const latencySchema = z.object({
  median: z.number(),
  mean: z.number(),
  p25: z.number(),
  p75: z.number(),
  p95: z.number(),
  runs: z.int(),
});

export type Latency = z.output<typeof latencySchema>;

export interface LatencyOptions {
  /** Runs before the first that counts. */
  readonly warmUp?: number;
  /** Measuring ends after this time, but not before `least` runs. */
  readonly seconds: number;
  readonly least?: number;
  /** Now, in milliseconds; for tests. */
  readonly clock?: () => number;
}

/** Times `run`. Throws where `seconds` is not above 0. */
export async function measureLatency(run: () => Promise<unknown>, options: LatencyOptions): Promise<Latency> {
  const { warmUp = 2, seconds, least = 5, clock = () => performance.now() } = options;
  if (!(seconds > 0)) throw mismatch('measureLatency()', 'seconds above 0', seconds);
  for (let i = 0; i < warmUp; i++) await run();
  const times: number[] = [];
  const end = clock() + seconds * 1e3;
  for (let now = clock(); times.length < least || now < end; ) {
    await run();
    const after = clock();
    times.push(after - now);
    now = after;
  }
  return summarizeTimes(times);
}

/** Mean and quantiles of one or more times in milliseconds. */
export function summarizeTimes(times: readonly number[]): Latency {
  const sorted = Float64Array.from(times).sort();
  const quantile = (q: number) => sorted[Math.round(q * (sorted.length - 1))];
  return {
    median: quantile(0.5),
    mean: sorted.reduce((sum, time) => sum + time, 0) / sorted.length,
    p25: quantile(0.25),
    p75: quantile(0.75),
    p95: quantile(0.95),
    runs: times.length,
  };
}
