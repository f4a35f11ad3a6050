/**
 * Predictions as a table on disk: `name,label,predicted,p_<class>,…`, one line an image, UTF-8, comma
 * separated with RFC 4180 quoting, so that spreadsheets, pandas and R read it as it is. Labels are written
 * as class names. Probabilities are written with as many digits as bring the same numbers back.
 */
import { readFile } from 'node:fs/promises';
import { formatCsv, parseCsv } from '../csv.ts';
import { mismatch, SomaError } from '../errors.ts';
import { writeAside } from '../files.ts';
import { checkPredictions, type Predictions, predictedClasses } from './predictions.ts';

const FIXED_COLUMNS = ['name', 'label', 'predicted'] as const;
const SCORE_PREFIX = 'p_';

/** Names of the columns that hold the probability of each class. */
export function scoreColumns(classes: readonly string[]): string[] {
  return classes.map((name) => SCORE_PREFIX + name);
}

/** The table as text, lines ended by CR LF as RFC 4180 wants. */
export function formatPredictions(predictions: Predictions): string {
  checkPredictions(predictions);
  const { classes, labels, names, scores } = predictions;
  const predicted = predictedClasses(predictions);
  const rows: string[][] = [[...FIXED_COLUMNS, ...scoreColumns(classes)]];
  for (let i = 0; i < labels.length; i++) {
    const cells = [names[i], classes[labels[i]], classes[predicted[i]]];
    for (let k = 0; k < classes.length; k++) cells.push(String(scores[i * classes.length + k]));
    rows.push(cells);
  }
  return formatCsv(rows);
}

/**
 * The predictions in a table that {@link formatPredictions} wrote. Scores come back in double precision,
 * equal to the numbers that were written.
 * @param where what errors call the table: its file name
 */
export function parsePredictions(text: string, where = 'predictions.csv'): Predictions {
  const [header, ...rows] = parseCsv(text, where);
  const wanted = `a header ${FIXED_COLUMNS.join(',')},p_<class>,…`;
  if (!header || FIXED_COLUMNS.some((column, i) => header[i] !== column)) {
    throw mismatch(where, wanted, header ? header.join(',') : 'an empty file');
  }
  const scored = header.slice(FIXED_COLUMNS.length);
  const stranger = scored.find((column) => !column.startsWith(SCORE_PREFIX));
  if (stranger !== undefined) throw mismatch(where, wanted, `column ${stranger}`);

  const classes = scored.map((column) => column.slice(SCORE_PREFIX.length));
  const classIndex = new Map(classes.map((name, index) => [name, index]));
  const labels = new Int32Array(rows.length);
  const stated = new Int32Array(rows.length);
  const scores = new Float64Array(rows.length * classes.length);
  const names: string[] = [];
  rows.forEach((cells, i) => {
    const row = `${where}, row ${i + 2}`;
    if (cells.length !== header.length) throw mismatch(row, `${header.length} cells`, cells.length);
    names.push(cells[0]);
    labels[i] = lookUp(cells[1], row, 'label');
    stated[i] = lookUp(cells[2], row, 'predicted');
    for (let k = 0; k < classes.length; k++) {
      const cell = cells[FIXED_COLUMNS.length + k];
      if (cell.trim() === '' || Number.isNaN(Number(cell)))
        throw mismatch(row, `a number in ${scored[k]}`, cell);
      scores[i * classes.length + k] = Number(cell);
    }
  });

  const predictions: Predictions = { classes, labels, scores, names };
  checkPredictions(predictions, where);
  const predicted = predictedClasses(predictions);
  const liar = predicted.findIndex((value, i) => value !== stated[i]);
  if (liar >= 0) {
    throw mismatch(
      `${where}, row ${liar + 2}`,
      `predicted ${classes[predicted[liar]]}, the class with the highest probability`,
      classes[stated[liar]],
      'the table was edited; write it again with soma evaluate',
    );
  }
  return predictions;

  function lookUp(cell: string, row: string, column: string): number {
    const index = classIndex.get(cell);
    if (index === undefined)
      throw mismatch(row, `one of the classes ${classes.join(', ')} in ${column}`, cell);
    return index;
  }
}

/** Writes the table aside and renames it, so that a kill leaves the previous file whole. */
export async function writePredictions(path: string, predictions: Predictions): Promise<void> {
  await writeAside(path, formatPredictions(predictions));
}

/** Reads a table that {@link writePredictions} wrote; errors name file and row. */
export async function readPredictions(path: string): Promise<Predictions> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new SomaError(
      `${path}: expected a table of predictions, got ${reason(cause)}; run soma evaluate first`,
      1,
      {
        cause,
      },
    );
  }
  return parsePredictions(text, path);
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
