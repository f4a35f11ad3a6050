/**
 * Errors that a user can act on. Each says where, what was expected, what was got, and what to do:
 * `what(): expected …, got …; do …`. Anything else that is thrown is a defect of Soma.
 */

/** Exit codes of the command line. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unwritable: 73, interrupted: 130 } as const;

export class SomaError extends Error {
  override readonly name = 'SomaError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/**
 * Makes the one-line message that all errors share.
 * @param where function, command or file that found the fault, e.g. `conv2d()` or `cells.npz`
 * @param expected what would have been right
 * @param got what was there
 * @param advice what to do about it
 */
export function mismatch(where: string, expected: string, got: unknown, advice?: string): SomaError {
  return new SomaError(`${where}: expected ${expected}, got ${show(got)}${advice ? `; ${advice}` : ''}`);
}

function show(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `[${value.join(', ')}]`;
  return String(value);
}

/** A word as one types it into a shell, for commands that are suggested. */
export function quoted(word: string): string {
  return /^[\p{L}\p{N}_./:=,@%+-]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The candidate nearest to `word` by edit distance, or undefined if none is near enough to be meant. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 2)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      current[j] = Math.min(substitute, previous[j] + 1, current[j - 1] + 1);
    }
    previous = current;
  }
  return previous[b.length];
}
