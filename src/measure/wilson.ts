/** Interval of a share without resampling: Wilson's (1927), which keeps its promise for few images and near 0 and 1. */

/** 95 % interval of `hits` of `count`, each bound in [0, 1]. */
export function wilsonInterval(hits: number, count: number): { low: number; high: number } {
  const z = 1.959963984540054;
  const share = hits / count;
  const middle = share + z ** 2 / (2 * count);
  const reach = z * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2));
  const scale = 1 + z ** 2 / count;
  return { low: Math.max(0, (middle - reach) / scale), high: Math.min(1, (middle + reach) / scale) };
}
