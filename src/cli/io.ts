/**
 * What all commands share: results go to stdout (one JSON document with `--json`), everything else to stderr;
 * errors are one paragraph and an exit code.
 */
import { relative } from 'node:path';
import { CommanderError } from 'commander';
import { EXIT, SomaError } from '../errors.ts';
import { type Format, type ResultTable, writeTables } from '../report/tables.ts';

/** Prints a result: as JSON where it is asked for, else as text. */
export function print(result: unknown, text: string, json: boolean | undefined): void {
  process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : `${text}\n`);
}

/** Says something that is not the result. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** A path as it would be typed here: relative where that is shorter. */
export function shortPath(path: string): string {
  const here = relative(process.cwd(), path);
  return here !== '' && here.length < path.length ? here : path;
}

/** Writes tables beside a report and says where; `base` is a path without an ending. */
export async function sayTables(
  base: string,
  title: string,
  tables: readonly ResultTable[],
  formats: readonly Format[],
): Promise<void> {
  for (const path of await writeTables(base, title, tables, formats)) say(`tables ${path}`);
}

/** Prints an error and returns the exit code that goes with it. */
export function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const refused = refusal(error);
  if (refused) {
    say(`soma: ${refused}`);
    return EXIT.failed;
  }
  const message =
    error instanceof SomaError ? error.message : `defect: ${(error as Error)?.message ?? error}`;
  say(`soma: ${message}`);
  if (process.env.SOMA_DEBUG && error instanceof Error) say(error.stack ?? '');
  else if (!(error instanceof SomaError)) say('Set SOMA_DEBUG=1 to see where, and please report it.');
  return error instanceof SomaError ? error.exitCode : EXIT.failed;
}

/** What the system said of a file or folder that cannot be used; undefined of any other error. */
function refusal(error: unknown): string | undefined {
  const { code, syscall, path, message } = (error ?? {}) as NodeJS.ErrnoException;
  if (!code || !syscall || !path) return undefined;
  return `${path}: expected a file or folder that can be used, got ${message}; check the path and its permissions`;
}

/** Rows as aligned columns; numbers to the right, their units behind a space that may be a no-break one. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const right = rows[0].map((_, i) =>
    rows.slice(1).every((row) => /^[\d.,–\-+\s%×>]*(\s[A-Za-z]+)?$/.test(row[i])),
  );
  return rows
    .map((row) =>
      row
        .map((cell, i) => (right[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
