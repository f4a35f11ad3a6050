/**
 * What somebody decided about labels: a file with one JSON value a line that is only ever appended to. The data itself
 * is never touched. A line decides about an image, or undoes another line; what counts for an image is the last decision
 * about it that was not undone.
 *
 *   {"id":1,"batch":1,"image":"train/neutrophil/a.webp","sha256":"…","stored":"neutrophil","from":"neutrophil",
 *    "to":"eosinophil","by":"rk","at":"2026-01-31T12:00:00.000Z","why":"granules"}
 *   {"id":2,"batch":2,"undoes":1,"by":"rk","at":"…","why":""}
 *
 * `to` is null where the image is left out, and `from` again where the label was looked at and found right.
 */
import { createHash } from 'node:crypto';
import { readFile, stat, truncate } from 'node:fs/promises';
import { z } from 'zod';
import { EXIT, mismatch, SomaError } from '../errors.ts';
import { appendJsonLines } from '../files.ts';

const trace = {
  /** From 1, rising. */
  id: z.int().positive(),
  /** Lines of one command have one number. */
  batch: z.int().positive(),
  by: z.string(),
  /** ISO 8601. */
  at: z.string(),
  why: z.string(),
};

const decisionSchema = z.strictObject({
  ...trace,
  /** Name of the image in its data set. */
  image: z.string(),
  /** Of the stored image. */
  sha256: z.string(),
  /** Class that the data itself gives it. */
  stored: z.string(),
  /** Class that was in force before. */
  from: z.string(),
  to: z.string().nullable(),
});

const undoSchema = z.strictObject({ ...trace, undoes: z.int().positive() });

export type LoggedDecision = z.output<typeof decisionSchema>;
type LogLine = LoggedDecision | z.output<typeof undoSchema>;

export interface RelabelLog {
  readonly path: string;
  readonly lines: readonly LogLine[];
  /** The decision that counts, by name of the image. */
  readonly inForce: ReadonlyMap<string, LoggedDecision>;
}

/** A decision about one image, before it is logged. */
export type Decision = Omit<LoggedDecision, keyof typeof trace> & { readonly why: string };

/**
 * Reads a log; throws where a line is none, because a decision that is passed over would be one undone.
 * @param lines only so many, as the log was when it had them; all where it is absent
 */
export async function readRelabelLog(path: string, lines?: number): Promise<RelabelLog> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new SomaError(
      mismatch(path, 'a log of decisions about labels', error.message, 'make one with soma data relabel')
        .message,
      EXIT.usage,
    );
  });
  return openLog(path, parseLines(path, text, lines));
}

/** As `readRelabelLog`; a file that is not there yet is an empty log. */
export async function readOrBeginLog(path: string): Promise<RelabelLog> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return openLog(path, parseLines(path, text));
}

/** @param most what stands behind so many is not looked at */
function parseLines(path: string, text: string, most = Number.POSITIVE_INFINITY): LogLine[] {
  const lines: LogLine[] = [];
  for (const [i, raw] of text.split('\n').entries()) {
    if (lines.length >= most) break;
    if (raw.trim() === '') continue;
    const line = parseLine(raw);
    if (!line || line.id !== lines.length + 1)
      throw mismatch(
        `${path}, line ${i + 1}`,
        `decision ${lines.length + 1} of a log of labels`,
        line ? `decision ${line.id}` : raw.slice(0, 60),
        'the file was edited or cut off: restore it, or remove what soma did not write',
      );
    lines.push(line);
  }
  return lines;
}

function parseLine(raw: string): LogLine | undefined {
  try {
    const value = JSON.parse(raw);
    const schema = value && typeof value === 'object' && 'undoes' in value ? undoSchema : decisionSchema;
    return schema.safeParse(value).data;
  } catch {
    return undefined;
  }
}

function openLog(path: string, lines: readonly LogLine[]): RelabelLog {
  const undone = new Set(lines.flatMap((line) => ('undoes' in line ? [line.undoes] : [])));
  const inForce = new Map<string, LoggedDecision>();
  for (const line of lines) if (!('undoes' in line) && !undone.has(line.id)) inForce.set(line.image, line);
  return { path, lines, inForce };
}

/** SHA-256 over what the decisions in force make of the labels: who, when and why change nothing. */
export function logFingerprint({ inForce }: RelabelLog): string {
  const effects = [...inForce.values()]
    .filter(({ stored, to }) => to !== stored)
    .map(({ image, sha256, stored, to }) => JSON.stringify([image, sha256, stored, to]));
  return createHash('sha256').update(effects.sort().join('\n')).digest('hex');
}

export interface LogAuthor {
  readonly by: string;
  /** ISO 8601. */
  readonly at: string;
}

/** Appends decisions as one batch, in one write. */
export function appendDecisions(
  log: RelabelLog,
  decisions: readonly Decision[],
  author: LogAuthor,
): Promise<RelabelLog> {
  return append(log, decisions, author);
}

/**
 * Appends lines that undo others.
 * @param what `last`: the last command that decided something; `all`; or the name of an image, of which the decision in
 *   force is undone, so that the one before it counts again
 */
export async function appendUndo(
  log: RelabelLog,
  what: string,
  why: string,
  author: LogAuthor,
): Promise<RelabelLog> {
  const undone = new Set(log.lines.flatMap((line) => ('undoes' in line ? [line.undoes] : [])));
  const standing = log.lines.flatMap((line) => ('undoes' in line || undone.has(line.id) ? [] : [line]));
  const last = standing.at(-1)?.batch;
  const chosen = {
    last: () => standing.filter(({ batch }) => batch === last),
    all: () => standing,
    image: () => standing.filter(({ image }) => image === what).slice(-1),
  }[what === 'last' || what === 'all' ? what : 'image']();
  if (chosen.length === 0)
    throw mismatch(
      log.path,
      what === 'last' || what === 'all' ? 'a decision to undo' : `a decision about ${what}`,
      'none',
      'see soma data relabel --list',
    );
  return append(
    log,
    chosen.map(({ id }) => ({ undoes: id, why })),
    author,
  );
}

async function append(
  { path, lines }: RelabelLog,
  values: readonly (Decision | { undoes: number; why: string })[],
  { by, at }: LogAuthor,
): Promise<RelabelLog> {
  const batch = (lines.at(-1)?.batch ?? 0) + 1;
  const added = values.map((value, i) => ({ id: lines.length + 1 + i, batch, ...value, by, at }));
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  try {
    await appendJsonLines(path, added);
  } catch (error) {
    // All decisions or none, and no line that is cut off.
    await truncate(path, size).catch(() => {});
    throw error;
  }
  return openLog(path, [...lines, ...added]);
}
