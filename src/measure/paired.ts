/**
 * Two runs compared on the same images: who was right where, McNemar's test, and the bootstrap interval of
 * the difference in accuracy. Images are resampled in pairs, so what is hard for both cancels.
 */
import { type BootstrapOptions, bootstrap, type Estimate } from './bootstrap.ts';
import { type McNemar, mcnemar } from './mcnemar.ts';
import { type Predictions, predictedClasses } from './predictions.ts';
import { checkSameImages } from './same-images.ts';

export interface PairedComparison {
  readonly images: number;
  readonly bothRight: number;
  /** Images that only the first run got right. */
  readonly onlyFirst: number;
  /** Images that only the second run got right. */
  readonly onlySecond: number;
  readonly bothWrong: number;
  /** Accuracy of the first minus accuracy of the second, −1 … 1. */
  readonly difference: Estimate;
  readonly mcnemar: McNemar;
}

/**
 * Compares two runs on the same test images. Throws a SomaError, naming the first image that differs, if
 * classes, image names, their order or their labels are not the same.
 */
export function comparePaired(
  first: Predictions,
  second: Predictions,
  options: BootstrapOptions = {},
): PairedComparison {
  checkSameImages(first, second, 'comparePaired()');
  const { labels } = first;
  const firstPredicted = predictedClasses(first);
  const secondPredicted = predictedClasses(second);
  const lead = new Int8Array(labels.length); // +1: only the first is right, −1: only the second, 0: no difference
  let bothRight = 0;
  let onlyFirst = 0;
  let onlySecond = 0;
  for (let i = 0; i < labels.length; i++) {
    const firstRight = firstPredicted[i] === labels[i];
    const secondRight = secondPredicted[i] === labels[i];
    if (firstRight && secondRight) bothRight++;
    else if (firstRight) onlyFirst++;
    else if (secondRight) onlySecond++;
    lead[i] = Number(firstRight) - Number(secondRight);
  }
  const [difference] = bootstrap(
    labels.length,
    1,
    (weights, out) => {
      let sum = 0;
      for (let i = 0; i < lead.length; i++) sum += weights[i] * lead[i];
      out[0] = sum / lead.length;
    },
    options,
  );
  return {
    images: labels.length,
    bothRight,
    onlyFirst,
    onlySecond,
    bothWrong: labels.length - bothRight - onlyFirst - onlySecond,
    difference: difference!,
    mcnemar: mcnemar(onlyFirst, onlySecond),
  };
}

/** Level of the tests; the intervals cover the rest, 95 %. */
const ALPHA = 0.05;

/** What a comparison says about the pair: `noise` — no difference shown; `unclear` — test and interval disagree. */
export type Verdict = 'noise' | 'unclear' | 'difference';

/**
 * A difference counts only if McNemar's mid-p is below 0.05 and the interval excludes 0.
 * @param pValue mid-p, adjusted if this is one of several pairs; the comparison's own if left out
 */
export function verdict(comparison: PairedComparison, pValue: number = comparison.mcnemar.midP): Verdict {
  const { low, high } = comparison.difference;
  const excludesZero = low > 0 || high < 0;
  if (pValue < ALPHA && excludesZero) return 'difference';
  return pValue >= ALPHA && !excludesZero ? 'noise' : 'unclear';
}

/**
 * The verdict in one sentence, e.g. `AE-CNN is right more often than SCNN: …`.
 * @param pValue as for {@link verdict}
 */
export function verdictSentence(
  comparison: PairedComparison,
  firstName: string,
  secondName: string,
  pValue: number = comparison.mcnemar.midP,
): string {
  const p = `p\u00a0${pText(pValue)}`;
  switch (verdict(comparison, pValue)) {
    case 'difference':
      return comparison.difference.value > 0
        ? `${firstName} is right more often than ${secondName}, beyond the noise: ${points(comparison, 1)}, ${p}.`
        : `${secondName} is right more often than ${firstName}, beyond the noise: ${points(comparison, -1)}, ${p}.`;
    case 'unclear':
      return `${firstName} against ${secondName} is on the edge of the noise, so nothing is claimed: ${points(comparison, 1)}, ${p}.`;
    case 'noise':
      return `The difference between ${firstName} and ${secondName} is inside the noise: ${points(comparison, 1)}, ${p}.`;
  }
}

/** The difference in percentage points with its interval; sign −1 turns it round, to second minus first. */
function points({ difference: { value, low, high } }: PairedComparison, sign: 1 | -1): string {
  const text = (share: number) => (100 * sign * share).toFixed(2).replace('-', '−');
  const [from, to] = sign > 0 ? [low, high] : [high, low];
  return `${text(value)} points (95 % interval ${text(from)} to ${text(to)})`;
}

/** A p-value as text: `= 0.042`, with three decimals, or `< 0.001`; no line is broken in it. */
export function pText(p: number): string {
  return p < 0.001 ? '<\u00a00.001' : `=\u00a0${p.toFixed(3)}`;
}
