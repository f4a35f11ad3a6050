/**
 * Faults in data. Readers do not decide what a fault means: they report it to a sink. Opening for training
 * throws at the first error (`throwFirst`); `checkDataset` collects them all. One reader serves both.
 */
import { mismatch, SomaError } from '../errors.ts';

export type FaultKind =
  | 'not-found'
  | 'unknown-format'
  | 'truncated'
  | 'wrong-keys'
  | 'wrong-dtype'
  | 'wrong-shape'
  | 'other-size'
  | 'wrong-count'
  | 'label-out-of-range'
  | 'empty-class'
  | 'not-an-image'
  | 'unreadable-image'
  | 'dark-images'
  | 'ignored-entry';

/** `error`: the data cannot be trained on as it is. `warning`: it can, but somebody should look. */
export type Severity = 'error' | 'warning';

/** One fault, named by the file, folder or row (`cells.npz train_labels[17]`) at which it shows. */
export class DataError extends SomaError {
  readonly kind: FaultKind;
  readonly where: string;
  readonly severity: Severity;

  constructor(
    kind: FaultKind,
    where: string,
    fault: { expected: string; got: unknown; advice: string; severity?: Severity; cause?: unknown },
  ) {
    super(mismatch(where, fault.expected, fault.got, fault.advice).message, undefined, {
      cause: fault.cause,
    });
    this.kind = kind;
    this.where = where;
    this.severity = fault.severity ?? 'error';
  }
}

/** Receives faults as readers find them. May throw, which ends the reading. */
export type FaultSink = (fault: DataError) => void;

/** The sink of training: the first error ends the opening, warnings go to `warn`. */
export function throwFirst(warn: FaultSink = () => {}): FaultSink {
  return (fault) => {
    if (fault.severity === 'error') throw fault;
    warn(fault);
  };
}

/** What an unknown thrown value says, in one line. */
export function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n')[0];
}
