/**
 * McNemar's test on two classifiers that saw the same images. Only images that exactly one of them got right
 * say anything; if the two are equally good, the winner of each is a fair coin. With n such images of which
 * x went to the less lucky one, X ~ Binomial(n, ½):
 *
 *   exact   p = min(1, 2 · P(X ≤ x))
 *   mid-p   p = 2 · (P(X < x) + ½ P(X = x))
 *
 * The exact test is conservative; the mid-p version keeps its level and is the one to report
 * (Fagerland, Lydersen & Laake, BMC Medical Research Methodology 13:91, 2013).
 */

export interface McNemar {
  /** Two-sided exact p-value. */
  readonly exact: number;
  /** Two-sided mid-p value. */
  readonly midP: number;
}

/** @param onlyA images that only the first got right @param onlyB images that only the second got right */
export function mcnemar(onlyA: number, onlyB: number): McNemar {
  const discordant = onlyA + onlyB;
  const fewer = Math.min(onlyA, onlyB);
  // ln of C(n, x) / 2ⁿ, stepped from x to x + 1, so that n in the thousands does not underflow early.
  let logMass = -discordant * Math.LN2;
  let below = 0;
  for (let x = 0; x < fewer; x++) {
    below += Math.exp(logMass);
    logMass += Math.log(discordant - x) - Math.log(x + 1);
  }
  const at = Math.exp(logMass);
  return { exact: Math.min(1, 2 * (below + at)), midP: Math.min(1, 2 * below + at) };
}

/**
 * Holm's step-down adjustment of several p-values (Scandinavian Journal of Statistics 6, 1979): the chance of
 * calling any of several equal pairs different stays below the level. Keeps the order of the input.
 */
export function holm(pValues: readonly number[]): number[] {
  const rising = pValues.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p);
  const adjusted = new Array<number>(pValues.length);
  let largest = 0;
  rising.forEach(({ p, index }, rank) => {
    largest = Math.max(largest, Math.min(1, p * (pValues.length - rank)));
    adjusted[index] = largest;
  });
  return adjusted;
}
