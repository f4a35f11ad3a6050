/**
 * Decisions about labels as people hand them in: a CSV table or a JSON list with `image`, `decision` (keep, relabel or
 * remove) and, where it is relabelled, `to`; as the gallery of `soma review` exports them. `label` (the class that was
 * looked at) and `sha256` are held against the data where they are there; `why` goes into the log.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { parseCsv } from '../csv.ts';
import { EXIT, mismatch, nearest, SomaError } from '../errors.ts';
import { contentHash, type Dataset } from './dataset.ts';
import { placesOf, refuse } from './relabel.ts';
import type { Decision, RelabelLog } from './relabel-log.ts';

const ACTIONS = ['keep', 'relabel', 'remove'] as const;

const rowSchema = z.object({
  image: z.string().min(1),
  decision: z.enum(ACTIONS),
  to: z.string().optional(),
  label: z.string().optional(),
  sha256: z.string().optional(),
  why: z.string().optional(),
});

export type GivenDecision = z.output<typeof rowSchema>;

/** Reads a table or a list; rows without a decision are passed over, as they are in a gallery that was left half-way. */
export async function readDecisions(path: string): Promise<GivenDecision[]> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw usage(path, 'a table of decisions', error.message);
  });
  const rows = /^\s*[[{]/.test(text) ? jsonRows(text, path) : csvRows(text, path);
  const decided = rows.filter(({ decision }) => decision !== undefined && decision !== '');
  return decided.map((row) => {
    const given = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== ''));
    const parsed = rowSchema.safeParse(given);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw usage(
      `${path}, ${row.image ?? 'a row without image'}`,
      `image, decision (${ACTIONS.join(', ')}) and to`,
      `${issue.path.join('.')}: ${issue.message}`,
    );
  });
}

function csvRows(text: string, path: string): Record<string, unknown>[] {
  const [header = [], ...rows] = parseCsv(text, path);
  const missing = ['image', 'decision'].filter((column) => !header.includes(column));
  if (missing.length > 0)
    throw usage(path, 'columns image and decision', header.join(', ') || 'an empty file');
  return rows
    .filter((cells) => cells.some((cell) => cell !== ''))
    .map((cells) => Object.fromEntries(header.map((column, i) => [column, cells[i] ?? ''])));
}

function jsonRows(text: string, path: string): Record<string, unknown>[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usage(path, 'JSON', (error as Error).message);
  }
  const list = z
    .union([z.array(z.record(z.string(), z.unknown())), z.object({ decisions: z.array(z.looseObject({})) })])
    .safeParse(value);
  if (!list.success) throw usage(path, 'a list of decisions', 'something else');
  return Array.isArray(list.data) ? list.data : list.data.decisions;
}

/**
 * What given decisions mean for data as it is read through a log now.
 * @param dataset without the log
 * @throws SomaError listing all that do not fit: an image that is missing, changed, decided about twice or under another
 *   label than it has, a class that is unknown
 */
export async function resolveDecisions(
  dataset: Dataset,
  { inForce }: RelabelLog,
  given: readonly GivenDecision[],
  { where, why }: { readonly where: string; readonly why: string },
): Promise<Decision[]> {
  const places = placesOf(dataset);
  const { classes, splits } = dataset;
  const faults: string[] = [];
  const seen = new Set<string>();
  const decisions: Decision[] = [];
  for (const { image, decision, to, label, sha256, ...row } of given) {
    const place = places.get(image);
    if (!place) {
      const near = nearest(image, places.keys());
      faults.push(`${image} is not there${near ? ` (did you mean ${near}?)` : ''}`);
      continue;
    }
    if (seen.has(image)) faults.push(`${image} twice`);
    seen.add(image);
    const source = splits[place.split];
    const stored = classes[source.labels[place.index]];
    const standing = inForce.get(image);
    const from = standing ? standing.to : stored;
    const hash = await contentHash(source, place.index);
    const target = { keep: from, relabel: to, remove: null }[decision];
    if (from === null) faults.push(`${image} is left out already: undo that first`);
    else if (target === undefined) faults.push(`${image}: relabel to which class?`);
    else if (target !== null && !classes.includes(target)) {
      const near = nearest(target, classes);
      faults.push(`${image}: there is no class ${target}${near ? ` (did you mean ${near}?)` : ''}`);
    } else if (label !== undefined && label !== from)
      faults.push(`${image}: decided about as ${label}, and is ${from}`);
    else if (sha256 !== undefined && sha256 !== hash) faults.push(`${image} is another image now`);
    else decisions.push({ image, sha256: hash, stored, from, to: target, why: row.why ?? why });
  }
  refuse(where, `decisions that fit ${dataset.name}`, faults, 'nothing was logged: mend these rows');
  return decisions;
}

function usage(where: string, expected: string, got: string): SomaError {
  return new SomaError(mismatch(where, expected, got).message, EXIT.usage);
}
