import { describe, expect, it } from 'vitest';
import { measureLatency, summarizeTimes } from './latency.ts';

describe('measureLatency', () => {
  /** Runs that take the given times by a clock of their own. */
  function scripted(times: readonly number[]) {
    let now = 0;
    let runs = 0;
    const run = async () => {
      now += times[Math.min(runs++, times.length - 1)];
    };
    return { run, clock: () => now, count: () => runs };
  }

  it('leaves the warm-up out, and ends when the time is over', async () => {
    const { run, clock, count } = scripted([1000, 500, 10]);
    const latency = await measureLatency(run, { seconds: 0.1, clock });
    expect(latency).toEqual({ median: 10, mean: 10, p25: 10, p75: 10, p95: 10, runs: 10 });
    expect(count()).toBe(12);
  });

  it('makes the least number of runs even when they are slow', async () => {
    const { run, clock } = scripted([5000]);
    const { runs, median } = await measureLatency(run, { seconds: 0.1, least: 3, clock });
    expect(runs).toBe(3);
    expect(median).toBe(5000);
  });

  it('refuses a time that is not above 0', async () => {
    await expect(measureLatency(async () => {}, { seconds: 0 })).rejects.toThrow(/seconds above 0, got 0/);
  });
});

describe('summarizeTimes', () => {
  it('takes quantiles in order of size, not of arrival', () => {
    const times = Array.from({ length: 101 }, (_, i) => (i * 37) % 101);
    expect(summarizeTimes(times)).toEqual({
      ...{ median: 50, mean: 50, p25: 25, p75: 75, p95: 95, runs: 101 },
    });
  });

  it('tells the mean from the median where a few took long', () => {
    expect(summarizeTimes([1, 1, 1, 1, 6])).toMatchObject({ median: 1, mean: 2 });
  });
});
