/** What a search looks for: figures on validation that every epoch of a run records. */
import type { EpochRecord } from '../train/record.ts';

interface Objective {
  readonly title: string;
  /** 1: less is better; −1: more is. */
  readonly sign: 1 | -1;
  of(record: EpochRecord): number | undefined;
}

export const OBJECTIVES = {
  val_loss: { title: 'validation loss (nats)', sign: 1, of: (record) => record.val_loss },
  val_accuracy: { title: 'validation accuracy', sign: -1, of: (record) => record.val_accuracy },
  val_macro_f1: { title: 'macro F1 on validation', sign: -1, of: (record) => record.val_macro_f1 },
} as const satisfies Record<string, Objective>;

export type ObjectiveName = keyof typeof OBJECTIVES;

export const OBJECTIVE_NAMES = [
  'val_loss',
  'val_accuracy',
  'val_macro_f1',
] as const satisfies readonly ObjectiveName[];
