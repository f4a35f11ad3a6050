/**
 * What corruptions cost: for each, accuracy at five severities, their mean, and how far that is below the accuracy on clean
 * images — the relative corruption error of Hendrycks & Dietterich (ICLR 2019) without its division by AlexNet's, also for
 * balanced accuracy, which MedMNIST-C uses.
 */
import { wilsonInterval } from './wilson.ts';

/** One evaluation of a split seen through a corruption; clean images have severity 0. */
export interface RobustnessPoint {
  readonly corruption: string;
  readonly severity: number;
  readonly images: number;
  readonly right: number;
  /** Mean of the classes' recalls. */
  readonly balancedAccuracy: number;
}

export interface Share {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface CorruptionCost {
  readonly corruption: string;
  /** Accuracy at each severity that was measured, with its 95 % Wilson interval. */
  readonly accuracies: readonly (Share & { readonly severity: number })[];
  /** Mean accuracy over these severities. */
  readonly mean: number;
  /** Clean accuracy − mean, in shares. */
  readonly relativeError: number;
  /** The same for balanced accuracy. */
  readonly balancedRelativeError: number;
}

export interface Robustness {
  readonly clean: Share;
  readonly cleanBalanced: number;
  readonly corruptions: readonly CorruptionCost[];
  /** Mean over the corruptions. */
  readonly mean: number;
  readonly relativeError: number;
  readonly balancedRelativeError: number;
}

/** @param points clean images among them; severities in any order */
export function robustness(points: readonly RobustnessPoint[]): Robustness {
  const cleanPoint = points.find(({ severity }) => severity === 0);
  if (!cleanPoint) throw new Error('robustness() needs the clean images');
  const clean = accuracyOf(cleanPoint);
  const names = [
    ...new Set(points.filter((point) => point.severity > 0).map(({ corruption }) => corruption)),
  ];
  const corruptions = names.map((corruption) => {
    const own = points
      .filter((point) => point.corruption === corruption && point.severity > 0)
      .sort((a, b) => a.severity - b.severity);
    const accuracies = own.map((point) => ({ severity: point.severity, ...accuracyOf(point) }));
    const average = mean(accuracies.map(({ value }) => value));
    return {
      corruption,
      accuracies,
      mean: average,
      relativeError: clean.value - average,
      balancedRelativeError: cleanPoint.balancedAccuracy - mean(own.map((point) => point.balancedAccuracy)),
    };
  });
  return {
    clean,
    cleanBalanced: cleanPoint.balancedAccuracy,
    corruptions,
    mean: mean(corruptions.map((each) => each.mean)),
    relativeError: mean(corruptions.map((each) => each.relativeError)),
    balancedRelativeError: mean(corruptions.map((each) => each.balancedRelativeError)),
  };
}

function accuracyOf({ right, images }: RobustnessPoint): Share {
  return { value: right / images, ...wilsonInterval(right, images) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
