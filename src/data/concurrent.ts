/**
 * Bounded concurrency over an index range: a fixed number of workers draw the next index until the range
 * is empty. Used wherever files are read or decoded, so that memory and open files stay bounded.
 */

/**
 * Calls `work(index)` for every index in [0, count), at most `limit` at a time, in rising order of start.
 * Rejects with the first failure; by then every started call has settled and no further one is started.
 */
export async function forEachConcurrently(
  count: number,
  limit: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failure: { error: unknown } | undefined;
  const worker = async () => {
    while (next < count && !failure) {
      try {
        await work(next++);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, count) }, worker));
  if (failure) throw failure.error;
}
