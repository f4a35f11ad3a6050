/**
 * Accuracy, precision, recall and F1 from a confusion matrix, with scikit-learn's conventions:
 *
 * - a ratio whose denominator is 0 is 0 (`zero_division=0`, its default up to a warning): precision of a
 *   class that was never predicted, recall of a class that has no image;
 * - F1 is 2·TP / (2·TP + FP + FN), 0 where the class is neither true nor predicted;
 * - macro and weighted averages run over the classes that occur as a label or as a prediction
 *   (`labels=None`). A class that occurs in neither says nothing and is left out;
 * - weighted means: weighted by the number of images of the true class.
 */
import type { ConfusionMatrix } from './confusion.ts';

export interface ClassFigures {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Images whose true class this is. */
  readonly support: number;
  /** Images that were predicted to be of this class. */
  readonly predicted: number;
}

export interface AverageFigures {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

export interface Classification {
  readonly images: number;
  readonly accuracy: number;
  readonly perClass: readonly ClassFigures[];
  readonly macro: AverageFigures;
  readonly weighted: AverageFigures;
}

/** All figures that a confusion matrix gives, each in [0, 1]. */
export function classificationFigures({ size, counts }: ConfusionMatrix): Classification {
  let images = 0;
  let right = 0;
  const perClass: ClassFigures[] = [];
  for (let k = 0; k < size; k++) {
    let support = 0;
    let predicted = 0;
    for (let j = 0; j < size; j++) {
      support += counts[k * size + j];
      predicted += counts[j * size + k];
    }
    const hits = counts[k * size + k];
    images += support;
    right += hits;
    perClass.push({
      precision: ratio(hits, predicted),
      recall: ratio(hits, support),
      f1: ratio(2 * hits, support + predicted),
      support,
      predicted,
    });
  }
  const occurring = perClass.filter((figures) => figures.support + figures.predicted > 0);
  return {
    images,
    accuracy: ratio(right, images),
    perClass,
    macro: average(occurring, () => 1),
    weighted: average(occurring, (figures) => figures.support),
  };
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function average(classes: ClassFigures[], weight: (figures: ClassFigures) => number): AverageFigures {
  let total = 0;
  const sums = { precision: 0, recall: 0, f1: 0 };
  for (const figures of classes) {
    const w = weight(figures);
    total += w;
    sums.precision += w * figures.precision;
    sums.recall += w * figures.recall;
    sums.f1 += w * figures.f1;
  }
  return {
    precision: ratio(sums.precision, total),
    recall: ratio(sums.recall, total),
    f1: ratio(sums.f1, total),
  };
}
